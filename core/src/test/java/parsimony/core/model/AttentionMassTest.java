package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.Matrix;

class AttentionMassTest {
    private static final int SIZE = 4;
    private static final int GROUP = 3;

    private final Backend backend = new ScalarBackend();

    /** Two key/value heads of three query heads each; some rows of a pass that follows {@code committed} entries, which lie in two tiles. */
    @ParameterizedTest
    @CsvSource({
        "0, 5, 1, 0, 0",
        "7, 1, 1, 0, 0",
        "40, 9, 2, 0, 0",
        "600, 150, 1, 0, 0",
        "300, 130, 3, 0, 0",
        "40, 9, 2, 1.5, 0",
        "300, 130, 3, 0, 0.01",
        "300, 70, 1, 2, 0.02"
    })
    void isTheSumOfTheProbabilities(int committed, int rows, int every, float softCap, float slope) {
        AttentionKernel.Scoring scoring = new AttentionKernel.Scoring(0.5f, softCap, slope);
        SplittableRandom random = new SplittableRandom(committed);
        int entries = committed + rows;
        int[] positions = IntStream.range(0, entries).toArray();
        Visibility causal = new Visibility.Causal(positions, committed);
        Matrix queries = random(random, rows, 2 * GROUP * SIZE);
        Matrix keys = random(random, entries, 2 * SIZE);
        int split = committed / 2;
        List<List<KeyValueTile>> tiles = IntStream.range(0, 2)
                .mapToObj(head -> {
                    Matrix own = keys.columns(head * SIZE, SIZE);
                    return List.of(
                            new KeyValueTile(own.rows(0, split), own.rows(0, split), positions, 0, -committed),
                            new KeyValueTile(
                                    own.rows(split, entries - split),
                                    own.rows(split, entries - split),
                                    positions,
                                    split,
                                    split - committed));
                })
                .toList();
        float[] logSumExp = new float[2 * GROUP * rows];
        List<AttentionKernel.Head> heads = IntStream.range(0, 2 * GROUP)
                .mapToObj(head -> new AttentionKernel.Head(
                        queries.columns(head * SIZE, SIZE),
                        positions,
                        committed,
                        tiles.get(head / GROUP),
                        causal,
                        scoring))
                .toList();
        for (int head = 0; head < 2 * GROUP; head++) {
            Matrix output = Matrix.of(new float[rows * SIZE], rows, SIZE);
            new NaiveAttention().forward(backend, heads.get(head), output, logSumExp, head * rows);
        }
        AttentionMass mass = new AttentionMass(backend, heads, 2, logSumExp, 0, rows);
        int[] chosen = IntStream.range(0, rows).filter(row -> row % every == 0).toArray();
        assertThat(mass.rows()).isEqualTo(rows);
        assertThat(mass.group()).isEqualTo(GROUP);
        for (int head = 0; head < 2; head++) {
            double[] expected = new double[entries];
            for (int row : chosen) {
                for (int q = head * GROUP; q < (head + 1) * GROUP; q++) {
                    double[] weights = new double[committed + row + 1];
                    double sum = 0;
                    for (int key = 0; key < weights.length; key++) {
                        double score = 0;
                        for (int i = 0; i < SIZE; i++) {
                            score += (double) queries.get(row, q * SIZE + i) * keys.get(key, head * SIZE + i);
                        }
                        score *= 0.5;
                        score = softCap == 0 ? score : softCap * Math.tanh(score / softCap);
                        weights[key] = Math.exp(score + slope * (key - committed - row));
                        sum += weights[key];
                    }
                    for (int key = 0; key < weights.length; key++) {
                        expected[key] += weights[key] / sum;
                    }
                }
            }
            double[] actual = new double[entries];
            mass.addTo(head, chosen, actual, committed);
            assertThat(actual).containsExactly(expected, within(1e-4));
        }
    }

    private static Matrix random(SplittableRandom random, int rows, int columns) {
        float[] numbers = new float[rows * columns];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return Matrix.of(numbers, rows, columns);
    }
}
