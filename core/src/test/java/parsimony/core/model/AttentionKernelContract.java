package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.Matrix;
import tools.jackson.databind.JsonNode;

/** What every exact kernel computes, against numbers of FlashAttention's own reference and plain loops in double precision. */
public abstract class AttentionKernelContract {
    private final Backend backend = backend();
    private final AttentionKernel kernel = kernel();
    private final SplittableRandom random = new SplittableRandom(11);

    protected abstract AttentionKernel kernel();

    protected Backend backend() {
        return new ScalarBackend();
    }

    static Stream<Arguments> cases() {
        return StreamSupport.stream(Fixture.read("attention.json").get("cases").spliterator(), false)
                .map(node -> Arguments.of(node.get("name").stringValue(), node));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void agreesWithFlashAttentionsReference(String name, JsonNode node) {
        int[] queryShape = Fixture.shape(node.get("q"));
        int[] keyShape = Fixture.shape(node.get("k"));
        int rows = queryShape[1];
        int heads = queryShape[2];
        int keys = keyShape[1];
        int keyValueHeads = keyShape[2];
        int headSize = queryShape[3];
        float[] q = Fixture.floats(node.get("q"));
        float[] k = Fixture.floats(node.get("k"));
        float[] v = Fixture.floats(node.get("v"));
        float[] expected = Fixture.floats(node.get("out"));
        JsonNode args = node.get("args");
        // Bottom-right alignment: the last query stands where the last key does.
        int[] queryPositions = IntStream.range(keys - rows, keys).toArray();
        int[] keyPositions = IntStream.range(0, keys).toArray();
        Visibility visibility = args.has("causal") ? new Visibility.Causal(queryPositions, 0) : Visibility.FULL;
        if (args.has("window_size")) {
            visibility =
                    new Window(queryPositions, args.get("window_size").get(0).intValue());
        }
        float softCap = args.has("softcap") ? args.get("softcap").floatValue() : 0;

        float[] actual = new float[expected.length];
        Arrays.fill(actual, Float.NaN);
        for (int batch = 0; batch < queryShape[0]; batch++) {
            for (int head = 0; head < heads; head++) {
                int keyValueHead = head / (heads / keyValueHeads);
                Matrix keyView = view(k, batch, keys, keyValueHeads, keyValueHead, headSize);
                Matrix valueView = view(v, batch, keys, keyValueHeads, keyValueHead, headSize);
                kernel.forward(
                        backend,
                        new AttentionKernel.Head(
                                view(q, batch, rows, heads, head, headSize),
                                queryPositions,
                                0,
                                List.of(new KeyValueTile(keyView, valueView, keyPositions, 0)),
                                visibility,
                                new AttentionKernel.Scoring((float) (1 / Math.sqrt(headSize)), softCap, 0)),
                        view(actual, batch, rows, heads, head, headSize),
                        new float[rows],
                        0);
            }
        }
        assertThat(actual).containsExactly(expected, within(1e-5f));
    }

    private static Matrix view(float[] data, int batch, int rows, int heads, int head, int headSize) {
        return new Matrix(data, (batch * rows * heads + head) * headSize, rows, headSize, heads * headSize);
    }

    /** Tiles, rows that see nothing, odd sizes, strided views; forward and backward against plain loops in double precision. */
    @ParameterizedTest
    @CsvSource({
        "1, 1, 0, 0, 0",
        "1, 200, 0, 0, 0",
        "1, 200, 0, 2, 0.1",
        "8, 150, 0, 0, 0.1",
        "9, 9, 0, 0, 0",
        "63, 63, 0, 0, 0.02",
        "64, 64, 0, 0, 0",
        "65, 65, 0, 0, 0",
        "65, 65, 0, 3, 0",
        "130, 130, 0, 0, 0",
        "130, 130, 0, 2, 0.3",
        "130, 200, 17, 0, 0",
        "130, 200, 17, 2, 0",
        "70, 33, 0, 0, 0",
        "3, 128, 64, 0, 0"
    })
    void agreesWithPlainLoops(int rows, int keys, int window, float softCap, float slope) {
        int headSize = 6;
        int stride = 9;
        Matrix queries = random(rows, headSize, stride);
        Matrix keyRows = random(keys, headSize, stride);
        Matrix values = random(keys, headSize, stride);
        Matrix dOutput = random(rows, headSize, stride);
        int[] queryPositions = IntStream.range(keys - rows, keys).toArray();
        int[] keyPositions = IntStream.range(0, keys).toArray();
        Visibility visibility =
                window > 0 ? new Window(queryPositions, window) : new Visibility.Causal(queryPositions, 0);
        float scale = 0.7f;
        Reference reference = new Reference(
                queries,
                keyRows,
                values,
                dOutput,
                scale,
                softCap,
                (query, key) -> slope * (key - queryPositions[query]),
                (query, key) -> key <= queryPositions[query] && (window == 0 || key >= queryPositions[query] - window));

        // The keys come in tiles of uneven sizes.
        List<KeyValueTile> tiles = new ArrayList<>();
        List<KeyValueTile> dTiles = new ArrayList<>();
        Matrix dKeys = zeros(keys, headSize, stride);
        Matrix dValues = zeros(keys, headSize, stride);
        for (int first = 0, size = 1; first < keys; first += size, size = Math.min(5 * size + 1, keys - first)) {
            tiles.add(new KeyValueTile(keyRows.rows(first, size), values.rows(first, size), keyPositions, first));
            dTiles.add(new KeyValueTile(dKeys.rows(first, size), dValues.rows(first, size), keyPositions, first));
        }
        AttentionKernel.Head head = new AttentionKernel.Head(
                queries, queryPositions, 0, tiles, visibility, new AttentionKernel.Scoring(scale, softCap, slope));
        Matrix output = random(rows, headSize, stride);
        float[] logSumExp = new float[rows + 3];
        kernel.forward(backend, head, output, logSumExp, 3);
        for (int row = 0; row < rows; row++) {
            double[] expected = Arrays.copyOfRange(reference.output, row * headSize, (row + 1) * headSize);
            assertRow("output", output, row, expected, 1e-5);
            assertThat((double) logSumExp[3 + row]).isCloseTo(reference.logSumExp[row], within(1e-5));
        }

        Matrix dQueries = zeros(rows, headSize, stride);
        kernel.backward(backend, head, output, logSumExp, 3, dOutput, dQueries, dTiles);
        Matrix dQueriesOnce = Matrix.of(dQueries.data().clone(), rows, stride).columns(0, headSize);
        // Backward adds: a second call doubles.
        kernel.backward(backend, head, output, logSumExp, 3, dOutput, dQueries, dTiles);
        for (int row = 0; row < rows; row++) {
            double[] expected = reference.queryGradient(row);
            assertRow("dQueries", dQueriesOnce, row, expected, 3e-5);
            assertRow("dQueries twice", dQueries, row, twice(expected), 6e-5);
        }
        for (int key = 0; key < keys; key += key % 64 >= 62 || key % 64 == 0 ? 1 : 31) {
            assertRow("dKeys", dKeys, key, twice(reference.keyGradient(key)), 6e-5);
            assertRow("dValues", dValues, key, twice(reference.valueGradient(key)), 6e-5);
        }
    }

    private static double[] twice(double[] numbers) {
        return Arrays.stream(numbers).map(number -> 2 * number).toArray();
    }

    /** Scores of ±10⁴: the greatest takes all, and nothing overflows on the way, whatever comes first. */
    @ParameterizedTest
    @ValueSource(ints = {7, 40, 100})
    void largeScoresAreNoHazard(int rows) {
        Matrix queries = zeros(rows, 4, 4);
        Matrix keys = zeros(rows, 4, 4);
        Matrix values = random(rows, 4, 4);
        int[] positions = IntStream.range(0, rows).toArray();
        for (int i = 0; i < rows; i++) {
            queries.data()[i * 4] = i % 2 == 0 ? 100 : -100;
            keys.data()[i * 4] = i == rows / 2 ? 100 : i == rows / 3 ? -100 : 0;
        }
        Matrix output = random(rows, 4, 4);
        float[] logSumExp = new float[rows];
        AttentionKernel.Head head = new AttentionKernel.Head(
                queries,
                positions,
                0,
                List.of(new KeyValueTile(keys, values, positions, 0)),
                Visibility.FULL,
                new AttentionKernel.Scoring(1, 0, 0));
        kernel.forward(backend, head, output, logSumExp, 0);
        for (int row = 0; row < rows; row++) {
            int chosen = row % 2 == 0 ? rows / 2 : rows / 3;
            for (int i = 0; i < 4; i++) {
                assertThat(output.get(row, i)).isEqualTo(values.get(chosen, i));
            }
            assertThat(logSumExp[row]).isEqualTo(1e4f);
        }
        Matrix dKeys = zeros(rows, 4, 4);
        Matrix dQueries = zeros(rows, 4, 4);
        kernel.backward(
                backend,
                head,
                output,
                logSumExp,
                0,
                random(rows, 4, 4),
                dQueries,
                List.of(new KeyValueTile(dKeys, zeros(rows, 4, 4), positions, 0)));
        // One probability is 1 and the others are 0, so that small changes change nothing.
        assertThat(dKeys.data()).containsOnly(new float[] {0}, within(0.01f));
        assertThat(dQueries.data()).containsOnly(new float[] {0}, within(0.01f));
    }

    @Test
    void aQueryThatSeesNothingGetsZeros() {
        for (int rows : new int[] {1, 20}) {
            Matrix x = random(rows, 4, 4);
            int[] positions = IntStream.range(0, rows).toArray();
            Matrix output = random(rows, 4, 4);
            float[] logSumExp = new float[rows];
            AttentionKernel.Head head = new AttentionKernel.Head(
                    x,
                    positions,
                    0,
                    List.of(new KeyValueTile(x, x, positions, 0)),
                    (query, tile, key) -> false,
                    new AttentionKernel.Scoring(1, 0, 0));
            kernel.forward(backend, head, output, logSumExp, 0);
            Matrix gradient = zeros(rows, 4, 4);
            kernel.backward(
                    backend,
                    head,
                    output,
                    logSumExp,
                    0,
                    x,
                    gradient,
                    List.of(new KeyValueTile(gradient, gradient, positions, 0)));
            for (int row = 0; row < rows; row++) {
                assertThat(logSumExp[row]).isEqualTo(Float.NEGATIVE_INFINITY);
                for (int i = 0; i < 4; i++) {
                    assertThat(output.get(row, i)).isZero();
                    assertThat(gradient.get(row, i)).isZero();
                }
            }
        }
    }

    private static void assertRow(String what, Matrix actual, int row, double[] expected, double tolerance) {
        double largest =
                Math.max(1, Arrays.stream(expected).map(Math::abs).max().orElse(0));
        for (int column = 0; column < actual.columns(); column++) {
            assertThat((double) actual.get(row, column))
                    .as(what + " at " + row + ", " + column)
                    .isCloseTo(expected[column], within(tolerance * largest));
        }
    }

    private Matrix random(int rows, int columns, int stride) {
        float[] data = new float[2 + rows * stride];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) random.nextGaussian();
        }
        return new Matrix(data, 2, rows, columns, stride);
    }

    private static Matrix zeros(int rows, int columns, int stride) {
        return new Matrix(new float[rows * stride], 0, rows, columns, stride);
    }

    /** The last {@code left} keys before a query, and its own. */
    private record Window(int[] positions, int left) implements Visibility {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            int distance = positions[query] - tile.position(key);
            return distance >= 0 && distance <= left;
        }
    }

    private interface Bias {
        double of(int query, int key);
    }

    private interface Sees {
        boolean key(int query, int key);
    }

    /** Attention as it is written on paper, in double precision, its gradients by differences of Σ dOutput · output. */
    private static final class Reference {
        private final double[] queries;
        private final double[] keys;
        private final double[] values;
        private final double[] dOutput;
        private final double scale;
        private final double softCap;
        private final Bias bias;
        private final Sees sees;
        private final int rows;
        private final int keyCount;
        private final int headSize;
        final double[] output;
        final double[] logSumExp;

        Reference(
                Matrix queries,
                Matrix keys,
                Matrix values,
                Matrix dOutput,
                double scale,
                double softCap,
                Bias bias,
                Sees sees) {
            this.queries = doubles(queries);
            this.keys = doubles(keys);
            this.values = doubles(values);
            this.dOutput = doubles(dOutput);
            this.scale = scale;
            this.softCap = softCap;
            this.bias = bias;
            this.sees = sees;
            rows = queries.rows();
            keyCount = keys.rows();
            headSize = queries.columns();
            output = new double[rows * headSize];
            logSumExp = new double[rows];
            for (int row = 0; row < rows; row++) {
                attend(row);
            }
        }

        private double attend(int row) {
            double[] weights = new double[keyCount];
            double sum = 0;
            for (int key = 0; key < keyCount; key++) {
                if (sees.key(row, key)) {
                    double score = 0;
                    for (int i = 0; i < headSize; i++) {
                        score += queries[row * headSize + i] * keys[key * headSize + i] * scale;
                    }
                    double capped = softCap == 0 ? score : softCap * Math.tanh(score / softCap);
                    weights[key] = Math.exp(capped + bias.of(row, key));
                    sum += weights[key];
                }
            }
            logSumExp[row] = Math.log(sum);
            double loss = 0;
            for (int i = 0; i < headSize; i++) {
                double weighted = 0;
                for (int key = 0; key < keyCount; key++) {
                    weighted += weights[key] * values[key * headSize + i];
                }
                output[row * headSize + i] = sum == 0 ? 0 : weighted / sum;
                loss += dOutput[row * headSize + i] * output[row * headSize + i];
            }
            return loss;
        }

        double[] queryGradient(int row) {
            return gradient(queries, row, () -> attend(row));
        }

        double[] keyGradient(int row) {
            return gradient(keys, row, this::loss);
        }

        double[] valueGradient(int row) {
            return gradient(values, row, this::loss);
        }

        private double loss() {
            return IntStream.range(0, rows).mapToDouble(this::attend).sum();
        }

        private double[] gradient(double[] of, int row, DoubleSupplier loss) {
            double[] gradient = new double[headSize];
            for (int i = 0; i < headSize; i++) {
                int at = row * headSize + i;
                double kept = of[at];
                of[at] = kept + 1e-4;
                double high = loss.getAsDouble();
                of[at] = kept - 1e-4;
                gradient[i] = (high - loss.getAsDouble()) / 2e-4;
                of[at] = kept;
            }
            return gradient;
        }

        private static double[] doubles(Matrix matrix) {
            double[] numbers = new double[matrix.rows() * matrix.columns()];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = matrix.get(i / matrix.columns(), i % matrix.columns());
            }
            return numbers;
        }
    }
}
