package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.tensor.Matrix;

class QuantizedTest extends CacheContract<Quantized.Options> {
    @Override
    protected Technique<Quantized.Options> technique() {
        return new Quantized();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=3", "bits=16", "group=0", "residual=-1");
    }

    @Override
    List<String> small() {
        return List.of("quantized:bits=4,group=4,residual=6", "quantized:bits=8,group=3,residual=0");
    }

    @Override
    String large() {
        return "quantized:residual=40";
    }

    @ParameterizedTest
    @CsvSource({
        "2, 8, 16, 31",
        "4, 8, 16, 31",
        "8, 8, 16, 31",
        "4, 5, 10, 22",
        "2, 32, 6, 103",
        "4, 1, 7, 10",
        "2, 32, 64, 700"
    })
    void everyNumberIsWithinHalfAStepAndTheResidualIsExact(int bits, int group, int headSize, int tokens) {
        SplittableRandom random = new SplittableRandom(bits);
        float[] numbers = new float[tokens * headSize * 2];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextDouble(-3, 3);
        }
        QuantizedKvCache cache = new QuantizedKvCache(2, headSize, new Quantized.Options(bits, group, 5));
        CacheDriver driver = new CacheDriver(cache, 2, headSize);
        for (int first = 0; first < tokens; first++) {
            driver.append(1, (position, column) -> numbers[position * 2 * headSize + column]);
            driver.commit(1);
        }
        int quantized = (tokens - 5) / group * group;
        for (int head = 0; head < 2; head++) {
            assertThat(driver.positions(head))
                    .containsExactly(IntStream.range(0, tokens).toArray());
            assertThat(cache.tiles(head).getFirst().size()).isEqualTo(tokens - quantized);
            List<KeyValueTile> tiles = new ArrayList<>();
            cache.decodedTiles(head).forEach(tile -> tiles.add(copy(tile)));
            tiles.addAll(cache.tiles(head));
            int token = 0;
            for (KeyValueTile tile : tiles) {
                for (int row = 0; row < tile.size(); row++, token++) {
                    assertThat(tile.row(row)).isEqualTo(token - tokens);
                    for (int channel = 0; channel < headSize; channel++) {
                        float key = numbers[token * 2 * headSize + head * headSize + channel];
                        // No range is longer than 6; scale and minimum are kept in 11 significant bits.
                        double bound = token >= quantized ? 0 : 6.0 / ((1 << bits) - 1) / 2 + 6 * 0x1p-11 + 3 * 0x1p-11;
                        assertThat(Math.abs(tile.keys().get(row, channel) - key))
                                .isLessThanOrEqualTo((float) bound);
                        assertThat(Math.abs(tile.values().get(row, channel) + key))
                                .isLessThanOrEqualTo((float) bound);
                    }
                }
            }
            assertThat(token).isEqualTo(tokens);
        }
    }

    /** A tile is valid until the next one is decoded. */
    private static KeyValueTile copy(KeyValueTile tile) {
        Matrix keys = tile.keys();
        Matrix values = tile.values();
        return new KeyValueTile(
                new Matrix(keys.data().clone(), keys.offset(), keys.rows(), keys.columns(), keys.stride()),
                new Matrix(values.data().clone(), values.offset(), values.rows(), values.columns(), values.stride()),
                tile.positions(),
                tile.firstPosition(),
                tile.firstRow());
    }

    @Test
    void aKeyChannelThatIsLargeSpoilsNoOther() {
        QuantizedKvCache cache = new QuantizedKvCache(1, 8, new Quantized.Options(4, 4, 0));
        CacheDriver driver = new CacheDriver(cache, 1, 8);
        driver.append(4, (position, column) -> column == 3 ? 1000 + position : 0.1f * position);
        driver.commit(4);
        KeyValueTile tile = cache.decodedTiles(0).iterator().next();
        for (int token = 0; token < 4; token++) {
            for (int channel = 0; channel < 8; channel++) {
                if (channel != 3) {
                    assertThat(Math.abs(tile.keys().get(token, channel) - 0.1f * token))
                            .isLessThan(0.011f);
                }
            }
        }
    }

    @Test
    void fewerBitsTakeLessMemoryAndLoseMore() {
        int[] text = tokens(4, 200);
        float[] expected;
        try (Sequence sequence = model.newSequence()) {
            expected = next(model, sequence, text);
        }
        double[] errors = new double[3];
        long[] bytes = new long[3];
        for (int i = 0; i < 3; i++) {
            Transformer cached = apply("quantized:group=4,residual=8,bits=" + (8 >> i));
            try (Sequence sequence = cached.newSequence()) {
                for (int first = 0; first < text.length; first += 10) {
                    float[] logits = next(cached, sequence, Arrays.copyOfRange(text, first, first + 10));
                    for (int j = 0; j < logits.length; j++) {
                        errors[i] = Math.max(errors[i], Math.abs(logits[j] - expected[first * 13 + j]));
                    }
                }
                bytes[i] = sequence.bytes();
            }
        }
        assertThat(errors).isSorted();
        for (int i = 0; i < 3; i++) {
            // A step is a part 2^bits − 1 of the range; the model's logits are about 10 apart.
            assertThat(errors[i]).isBetween(1e-6, 40.0 / ((1 << (8 >> i)) - 1));
        }
        assertThat(bytes).isSortedAccordingTo((a, b) -> Long.compare(b, a));
    }

    @Test
    void aTokenTakesTheBytesOfItsCodesAndRanges() {
        QuantizedTokens keys = QuantizedTokens.perChannel(64, 2, 32);
        QuantizedTokens values = QuantizedTokens.perToken(64, 2, 32);
        keys.add(new float[64 * 64], 0, 64);
        values.add(new float[64 * 64], 0, 64);
        assertThat(keys.bytes()).isEqualTo(64 * 16 + 2 * 64 * 4);
        assertThat(values.bytes()).isEqualTo(64 * 16 + 64 * 2 * 4);
        float[] decoded = new float[64 * 64];
        keys.decoder().decode(0, 64, decoded);
        assertThat(decoded).containsOnly(0);
    }
}
