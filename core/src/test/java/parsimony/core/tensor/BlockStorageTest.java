package parsimony.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BlockStorageTest {
    private static JsonNode reference;

    @BeforeAll
    static void readReference() throws IOException {
        try (InputStream json = BlockStorageTest.class.getResourceAsStream("ggml_blocks.json")) {
            reference = JsonMapper.shared().readTree(json);
        }
    }

    @ParameterizedTest
    @EnumSource(BlockFormat.class)
    void decodesAsTheReferenceDoes(BlockFormat format) {
        JsonNode expected = reference.get(format.name());
        MemorySegment data = MemorySegment.ofArray(
                HexFormat.of().parseHex(expected.get("bytes").stringValue()));
        BlockStorage storage = new BlockStorage(format, 2, format.weights(), data);

        float[] values = storage.decode().array();

        assertThat(values).containsExactly(floats(expected.get("values")));
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
    void encodesAsTheReferenceDoes(BlockFormat format) {
        float[] source = floats(reference.get("source"));

        BlockStorage storage = BlockStorage.of(format, new TensorStorage(Tensor.of(source, 1, source.length)));

        assertThat(HexFormat.of().formatHex(storage.data().toArray(ValueLayout.JAVA_BYTE)))
                .isEqualTo(reference.get(format.name()).get("encoded").stringValue());
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
    void aRowIsReadWhereItLies(BlockFormat format) {
        float[] source = new float[3 * 64];
        for (int i = 0; i < source.length; i++) {
            source[i] = (float) Math.sin(i);
        }
        TensorStorage dense = new TensorStorage(Tensor.of(source, 3, 64));

        BlockStorage storage = BlockStorage.of(format, dense);

        float[] row = new float[66];
        storage.decodeRow(1, row, 1);
        for (int i = 0; i < 64; i++) {
            assertThat(row[1 + i]).isCloseTo(source[64 + i], within(0.14f));
        }
        assertThat(row[0]).isZero();
        assertThat(row[65]).isZero();
        assertThat(storage.bytes()).isEqualTo(3 * format.rowBytes(64));
        assertThat(storage.row(2).byteSize()).isEqualTo(format.rowBytes(64));
    }

    @Test
    void refusesSizesThatDoNotFit() {
        MemorySegment data = MemorySegment.ofArray(new byte[34]);
        assertThatThrownBy(() -> new BlockStorage(BlockFormat.Q8_0, 1, 33, data))
                .hasMessageContaining("multiple");
        assertThatThrownBy(() -> new BlockStorage(BlockFormat.Q8_0, 2, 32, data))
                .hasMessageContaining("34 bytes");
        assertThatThrownBy(() -> BlockFormat.Q6_K.encode(new float[256], 0, data, 0))
                .isInstanceOf(UnsupportedOperationException.class);
    }

    private static float[] floats(JsonNode numbers) {
        float[] values = new float[numbers.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = numbers.get(i).floatValue();
        }
        return values;
    }
}
