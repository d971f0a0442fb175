package parsimony.core.backend;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.ConstantStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.RotatedStorage;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * What every backend does as the scalar one does, over sizes that leave tails at any vector width, views into larger arrays, and numbers large
 * enough to overflow an exponential. The test of a backend extends this and says how to make one.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class BackendContract {
    private static final int[] SIZES = {1, 2, 3, 7, 15, 16, 17, 31, 33, 65, 100, 257};
    /** Sizes at which work is split among threads. */
    private static final int[] LARGE_SIZES = {16_384, 16_385, 50_001};

    private static final float TOLERANCE = 4e-6f;

    private final Backend scalar = new ScalarBackend();
    private final SplittableRandom random = new SplittableRandom(2017);
    private Backend backend;

    /** Makes the backend under test. */
    protected abstract Backend create(int threads);

    /** Whether another number of threads may give other last bits, as with libraries that cut sums as they like. */
    protected boolean sumsDependOnThreads() {
        return false;
    }

    @BeforeAll
    void createBackend() {
        backend = create(2);
    }

    @AfterAll
    void closeBackend() {
        backend.close();
    }

    @Test
    void says_what_it_is() {
        assertThat(backend.name()).matches("[a-z0-9]+");
        assertThat(backend.description()).isNotBlank().doesNotContain("\n");
        assertThat(backend.threads()).isBetween(1, 2);
    }

    @Test
    void runs_every_task_once() {
        AtomicIntegerArray runs = new AtomicIntegerArray(1000);
        backend.parallel(10, outer -> backend.parallel(100, inner -> runs.incrementAndGet(outer * 100 + inner)));
        for (int i = 0; i < runs.length(); i++) {
            assertThat(runs.get(i)).isEqualTo(1);
        }
    }

    @Test
    void multiplies_matrices_of_any_size() {
        for (int i = 0; i < 300; i++) {
            checkProduct(anySize(), anySize(), anySize(), random.nextInt(8), i % 2 == 0);
        }
        for (int options = 0; options < 8; options++) {
            checkProduct(257, 130, 300, options, true);
            checkProduct(5, 7, 0, options, true);
        }
    }

    private void checkProduct(int m, int n, int k, int options, boolean views) {
        boolean transposeA = (options & 1) != 0;
        boolean transposeB = (options & 2) != 0;
        boolean accumulate = (options & 4) != 0;
        Matrix a = matrix(transposeA ? k : m, transposeA ? m : k, views);
        Matrix b = matrix(transposeB ? n : k, transposeB ? k : n, views);
        Matrix expected = matrix(m, n, views);
        Matrix actual = copy(expected);
        Matrix scale = absolute(expected);

        scalar.multiply(a, transposeA, b, transposeB, expected, accumulate);
        scalar.multiply(absolute(a), transposeA, absolute(b), transposeB, scale, accumulate);
        backend.multiply(a, transposeA, b, transposeB, actual, accumulate);

        for (int i = 0; i < actual.data().length; i++) {
            float difference = Math.abs(expected.data()[i] - actual.data()[i]);
            boolean outside = Float.isNaN(expected.data()[i]);
            assertThat(outside ? Float.isNaN(actual.data()[i]) : difference <= TOLERANCE * scale.data()[i])
                    .as(
                            "m %d n %d k %d transposeA %s transposeB %s accumulate %s views %s at %d: %s for %s",
                            m, n, k, transposeA, transposeB, accumulate, views, i, actual.data()[i], expected.data()[i])
                    .isTrue();
        }
    }

    @Test
    void gives_the_same_bits_every_time_with_any_number_of_threads() {
        Matrix a = matrix(100, 300, false);
        Matrix b = matrix(300, 200, false);
        Tensor x = tensor(300, 65);
        Tensor dy = tensor(300, 65);
        Tensor weight = tensor(65);
        List<float[]> results = new ArrayList<>();
        for (int threads : new int[] {1, 2, 3, 3}) {
            try (Backend one = create(threads)) {
                Matrix c = Matrix.of(new float[100 * 200], 100, 200);
                one.multiply(a, false, b, false, c, false);
                Tensor dWeight = Tensor.zeros(65);
                one.rmsNormBackward(x, weight, 1e-5f, dy, Tensor.zeros(300, 65), dWeight);
                float[] both = new float[c.data().length + 66];
                System.arraycopy(c.data(), 0, both, 0, c.data().length);
                System.arraycopy(dWeight.array(), 0, both, c.data().length, 65);
                both[both.length - 1] = (float) one.sumOfSquares(tensorOf(a));
                results.add(both);
            }
        }
        for (float[] result : sumsDependOnThreads() ? results.subList(2, 4) : results) {
            assertThat(Arrays.equals(result, results.getLast())).isTrue();
        }
    }

    @Test
    void multiplies_whole_tensors() {
        for (int m : new int[] {1, 5, 70}) {
            for (int options = 0; options < 8; options++) {
                boolean transposeA = (options & 1) != 0;
                boolean transposeB = (options & 2) != 0;
                boolean accumulate = (options & 4) != 0;
                int inner = m == 5 ? 2048 : 33;
                agree(
                        "product " + m + " " + options,
                        (which, t) -> which.pass(() -> {
                            which.multiply(t[0], transposeA, t[1], transposeB, t[2], accumulate);
                            return null;
                        }),
                        transposeA ? tensor(inner, m) : tensor(m, inner),
                        transposeB ? tensor(45, inner) : tensor(inner, 45),
                        tensor(m, 45));
            }
        }
    }

    @Test
    void embeds_tokens_of_which_some_repeat() {
        Tensor table = tensor(7, 33);
        int[] tokens = {3, 0, 6, 3, 3, 1, 6};
        for (int count : new int[] {0, 1, tokens.length}) {
            int[] some = Arrays.copyOf(tokens, count);
            Tensor expected = scalar.embed(table, some);
            Tensor rows = backend.pass(() -> backend.embed(table, some));
            assertThat(rows.shape()).containsExactly(count, 33);
            assertClose("rows of " + count, expected.array(), rows.array());
            agree(
                    "gradient of " + count,
                    (which, t) -> which.embedBackward(some, t[0], t[1]),
                    tensor(count, 33),
                    tensor(7, 33));
        }
    }

    private static Tensor tensorOf(Matrix matrix) {
        return Tensor.of(matrix.data(), matrix.rows(), matrix.columns());
    }

    @Test
    void multiplies_by_weights_in_every_storage() {
        int[][] shapes = {{1, 1}, {7, 3}, {16, 32}, {33, 17}, {100, 65}, {31, 257}, {320, 288}};
        for (int[] shape : shapes) {
            for (WeightStorage storage : storages(shape[0], shape[1])) {
                PreparedMatrix prepared = backend.prepare(storage);
                PreparedMatrix expected = scalar.prepare(storage);
                assertThat(prepared.extraBytes()).isNotNegative();
                for (int n : new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 64}) {
                    String what = storage.format() + " [" + shape[0] + ", " + shape[1] + "] × " + n;
                    agree(
                            what,
                            (which, t) -> (which == scalar ? expected : prepared).multiply(t[0], t[1]),
                            eightBits(n, shape[1]),
                            tensor(n, shape[0]));
                    agree(
                            what + " transposed",
                            (which, t) -> (which == scalar ? expected : prepared).multiplyTransposed(t[0], t[1]),
                            tensor(n, shape[0]),
                            tensor(n, shape[1]));
                }
            }
        }
    }

    /** Inputs that 8 bits hold exactly, whichever columns share a scale: kernels may round them to that. */
    private Tensor eightBits(int rows, int columns) {
        Tensor inputs = Tensor.zeros(rows, columns);
        for (int i = 0; i < inputs.size(); i++) {
            inputs.array()[i] = i % columns % 4 == 0 ? 127 : random.nextInt(-127, 128);
        }
        return inputs;
    }

    private List<WeightStorage> storages(int rows, int columns) {
        WeightStorage trained = new TensorStorage(tensor(rows, columns));
        DenseStorage aligned = DenseStorage.of(DataType.F32, trained);
        // A file may put its floats anywhere.
        MemorySegment odd = Arena.ofAuto().allocate(aligned.bytes() + 2).asSlice(2);
        odd.copyFrom(aligned.data());
        WeightStorage decodedOnly = new WeightStorage() {
            @Override
            public int rows() {
                return rows;
            }

            @Override
            public int columns() {
                return columns;
            }

            @Override
            public void decodeRow(int row, float[] target, int offset) {
                for (int i = 0; i < columns; i++) {
                    target[offset + i] = (row * 31 + i * 17) % 15 - 7;
                }
            }

            @Override
            public long bytes() {
                return 0;
            }

            @Override
            public String format() {
                return "known by decodeRow alone";
            }
        };
        List<WeightStorage> storages = new ArrayList<>(List.of(
                trained,
                aligned,
                new DenseStorage(DataType.F32, rows, columns, odd),
                DenseStorage.of(DataType.F16, trained),
                DenseStorage.of(DataType.BF16, trained),
                decodedOnly));
        if (rows > 0 && columns > 0) {
            storages.addAll(composites(aligned, decodedOnly));
        }
        return storages;
    }

    /** Integers of which the scales are integers too. */
    private WeightStorage nested(int rows, int columns) {
        int groups = (columns + 15) / 16;
        int bands = (rows + 3) / 4;
        byte[] codes = new byte[rows * columns];
        byte[] scales = new byte[groups * rows];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (i * 7 % 16);
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = (byte) (i * 5 % 8);
        }
        return NestedGridStorage.of(
                columns,
                4,
                16,
                codes,
                NestedGridStorage.of(
                        rows,
                        3,
                        4,
                        scales,
                        DenseStorage.of(DataType.F16, new TensorStorage(tensor(bands, groups))),
                        ConstantStorage.of(bands, groups, 0.25f)),
                DenseStorage.of(DataType.F32, new TensorStorage(tensor(groups, rows))));
    }

    private List<WeightStorage> composites(WeightStorage dense, WeightStorage decodedOnly) {
        int rows = dense.rows();
        int columns = dense.columns();
        int[] chosen = IntStream.range(0, columns)
                .filter(i -> i % 3 == columns % 3 || i == 0)
                .toArray();
        Tensor holes = tensor(rows, columns);
        for (int i = 0; i < holes.size(); i++) {
            holes.array()[i] *= i % 5 == 0 ? 1 : 0;
        }
        WeightStorage kept = ColumnsStorage.of(DataType.F16, tensor(rows, columns), chosen);
        int[] reversed = IntStream.range(0, columns).map(i -> columns - 1 - i).toArray();
        WeightStorage lowRank =
                new LowRankStorage(new TensorStorage(tensor(rows, 3)), new TensorStorage(tensor(3, columns)));
        return List.of(
                kept,
                ColumnsStorage.of(dense, columns, reversed),
                SparseStorage.of(DataType.F32, holes),
                SparseStorage.of(DataType.BF16, holes, SparseStorage.Positions.BITMASK),
                SparseStorage.of(DataType.F16, holes, SparseStorage.Positions.BITMASK),
                SparseStorage.of(DataType.BF16, holes, SparseStorage.Positions.NUMBERS),
                SparseStorage.of(DataType.F32, Tensor.zeros(rows, columns)),
                SparseStorage.of(DataType.F32, fewer(holes), SparseStorage.Positions.BITMASK),
                SparseStorage.of(DataType.BF16, tensor(rows, columns)),
                lowRank,
                new SumStorage(decodedOnly, kept),
                new RotatedStorage(dense, false, 7),
                new RotatedStorage(kept, true, 8),
                nested(rows, columns),
                ScaledInputStorage.of(
                        new SumStorage(dense, lowRank), tensor(columns).array()),
                new RoundedInputStorage(dense, 8, RoundedInputStorage.Range.TOKEN, 0, Float.POSITIVE_INFINITY),
                new SumStorage(
                        new RoundedInputStorage(dense, 4, RoundedInputStorage.Range.TENSOR, 0, 1),
                        new RoundedInputStorage(dense, 4, RoundedInputStorage.Range.FIXED, 0.3f, 2)));
    }

    /** Every third of the weights that are left, so few that a backend may multiply by nothing else. */
    private static Tensor fewer(Tensor weights) {
        Tensor fewer = weights.copy();
        for (int i = 0; i < fewer.size(); i++) {
            fewer.array()[i] *= i % 3 == 0 ? 1 : 0;
        }
        return fewer;
    }

    @Test
    void adds() {
        for (int n : allSizes()) {
            agree("add " + n, (which, t) -> which.add(t[0], t[1]), tensor(n), tensor(n));
            agree("addScaled " + n, (which, t) -> which.addScaled(-0.3f, t[0], t[1]), tensor(n), tensor(n));
        }
        forShapes((rows, columns) -> {
            agree("addBias", (which, t) -> which.addBias(t[0], t[1]), tensor(columns), tensor(rows, columns));
            agree(
                    "addBiasBackward",
                    (which, t) -> which.addBiasBackward(t[0], t[1]),
                    tensor(rows, columns),
                    tensor(columns));
        });
    }

    @Test
    void normalises() {
        forShapes((rows, columns) -> {
            Tensor x = tensor(rows, columns);
            Tensor weight = tensor(columns);
            Tensor dy = tensor(rows, columns);
            agree("rmsNorm", (which, t) -> which.rmsNorm(t[0], t[1], 1e-5f, t[2]), x, weight, dy);
            agree(
                    "rmsNormBackward",
                    (which, t) -> which.rmsNormBackward(t[0], t[1], 1e-5f, t[2], t[3], t[4]),
                    x,
                    weight,
                    dy,
                    tensor(rows, columns),
                    tensor(columns));
            agree(
                    "rmsNormBackward of a frozen weight",
                    (which, t) -> which.rmsNormBackward(t[0], t[1], 1e-5f, t[2], t[3], null),
                    x,
                    weight,
                    dy,
                    tensor(rows, columns));
        });
        Tensor zeros = Tensor.zeros(3, 17);
        agree(
                "rmsNorm of zeros",
                (which, t) -> which.rmsNorm(t[0], t[1], 1e-5f, t[2]),
                zeros,
                tensor(17),
                tensor(3, 17));
    }

    @Test
    void scales_columns() {
        forShapes((rows, columns) -> {
            Tensor x = tensor(rows, columns);
            Tensor factors = tensor(columns);
            agree(
                    "scaleColumns",
                    (which, t) -> which.scaleColumns(t[0], t[1], t[2]),
                    x,
                    factors,
                    tensor(rows, columns));
            agree(
                    "scaleColumnsBackward",
                    (which, t) -> which.scaleColumnsBackward(t[0], t[1], t[2], t[3], t[4]),
                    x,
                    factors,
                    tensor(rows, columns),
                    tensor(rows, columns),
                    tensor(columns));
            agree(
                    "scaleColumnsBackward of frozen factors",
                    (which, t) -> which.scaleColumnsBackward(null, t[0], t[1], t[2], null),
                    factors,
                    tensor(rows, columns),
                    tensor(rows, columns));
        });
    }

    @Test
    void gates() {
        for (int n : allSizes()) {
            Tensor gate = tensor(n);
            for (int i = 0; i < n; i += 5) {
                // Far beyond where exp overflows, on both sides.
                gate.array()[i] *= 1e4f;
            }
            agree("swiGlu " + n, (which, t) -> which.swiGlu(t[0], t[1], t[2]), gate, tensor(n), tensor(n));
            agree(
                    "swiGluBackward " + n,
                    (which, t) -> which.swiGluBackward(t[0], t[1], t[2], t[3], t[4]),
                    gate,
                    tensor(n),
                    tensor(n),
                    tensor(n),
                    tensor(n));
        }
    }

    @Test
    void rotates() {
        for (int headSize : new int[] {2, 6, 30, 32, 34, 64, 66}) {
            for (int heads : new int[] {1, 3}) {
                for (int options = 0; options < 4; options++) {
                    boolean interleaved = (options & 1) != 0;
                    boolean inverse = (options & 2) != 0;
                    agree(
                            "rotate " + heads + " × " + headSize + " interleaved " + interleaved + " inverse "
                                    + inverse,
                            (which, t) -> which.rotate(t[0], heads, t[1], t[2], interleaved, inverse),
                            tensor(5, heads * headSize),
                            tensor(5, headSize / 2),
                            tensor(5, headSize / 2));
                }
            }
        }
    }

    @Test
    void turns_scores_into_probabilities() {
        forShapes((rows, columns) -> {
            for (boolean views : new boolean[] {false, true}) {
                Matrix scores = scores(rows, columns, views);
                int offset = views ? 2 : 0;
                float[] sums = new float[rows + offset];
                agreeOnView("softmax", scores, sums, (which, x, s) -> which.softmax(x, s, offset));

                scalar.softmax(copy(scores), sums, offset);
                agreeOnView("exponential", scores, sums, (which, x, s) -> which.exponential(x, s, offset));
            }
        });
    }

    /** A softmax whose scores come in two tiles, and its gradient. */
    @Test
    void adds_tiles_to_a_softmax() {
        forShapes((rows, columns) -> {
            for (boolean views : new boolean[] {false, true}) {
                String which = "[" + rows + ", " + columns + "] view " + views;
                Matrix[] tiles = {scores(rows, columns, views), scores(rows, columns, views)};
                float[][][] states = new float[2][3][columns];
                Matrix[][] results = new Matrix[2][2];
                for (int of = 0; of < 2; of++) {
                    Arrays.fill(states[of][0], -Float.MAX_VALUE);
                    for (int tile = 0; tile < 2; tile++) {
                        results[of][tile] = copy(tiles[tile]);
                        (of == 0 ? scalar : backend)
                                .onlineSoftmax(results[of][tile], states[of][0], states[of][1], states[of][2]);
                    }
                }
                for (int i = 0; i < 3; i++) {
                    assertClose("onlineSoftmax, state " + i + " " + which, states[0][i], states[1][i]);
                }
                float[] sums = new float[columns];
                for (int i = 0; i < columns; i++) {
                    float sum = states[0][1][i];
                    sums[i] = sum == 0 ? Float.POSITIVE_INFINITY : (float) (states[0][0][i] + Math.log(sum));
                }
                Tensor delta = tensor(columns);
                Matrix gradient = matrix(rows, columns, views);
                for (int tile = 0; tile < 2; tile++) {
                    assertClose("onlineSoftmax " + which, results[0][tile].data(), results[1][tile].data());
                    Matrix expected = copy(tiles[tile]);
                    Matrix expectedGradient = copy(gradient);
                    Matrix actual = copy(tiles[tile]);
                    Matrix actualGradient = copy(gradient);
                    scalar.softmaxBackward(expected, sums, expectedGradient, delta.array());
                    backend.softmaxBackward(actual, sums, actualGradient, delta.array());
                    assertClose("softmaxBackward, probabilities " + which, expected.data(), actual.data());
                    assertClose("softmaxBackward, gradient " + which, expectedGradient.data(), actualGradient.data());
                }
            }
        });
    }

    /** Scores as attention has them: large ones, masked ones, and now and then a row that sees nothing. */
    private Matrix scores(int rows, int columns, boolean view) {
        Matrix scores = matrix(rows, columns, view);
        for (int row = 0; row < rows; row++) {
            boolean nothing = row % 4 == 3;
            for (int i = 0; i < columns; i++) {
                int at = scores.offset() + row * scores.stride() + i;
                if (nothing || i > row + columns / 2) {
                    scores.data()[at] = Float.NEGATIVE_INFINITY;
                } else if (row % 4 == 1) {
                    scores.data()[at] *= 1e4f;
                }
            }
        }
        return scores;
    }

    @Test
    void measures_cross_entropy() {
        forShapes((rows, columns) -> {
            for (float gradientScale : new float[] {0, 0.25f}) {
                int[] targets = random.ints(rows, -1, columns).toArray();
                Tensor logits = tensor(rows, columns);
                for (int i = 0; i < columns; i++) {
                    logits.array()[i] *= 1e4f;
                }
                agree(
                        "crossEntropy, gradient × " + gradientScale,
                        (which, t) -> {
                            which.crossEntropy(t[0], targets, gradientScale, t[1].array());
                            if (gradientScale == 0) {
                                // What is left of the logits is then not said.
                                Arrays.fill(t[0].array(), 0);
                            }
                        },
                        logits,
                        tensor(rows));
            }
        });
    }

    @Test
    void updates_parameters() {
        for (int n : allSizes()) {
            for (long step : new long[] {1, 1000}) {
                Tensor secondMoment = tensor(n);
                for (int i = 0; i < n; i++) {
                    secondMoment.array()[i] *= secondMoment.array()[i];
                }
                agree(
                        "adamW " + n,
                        (which, t) -> which.adamW(
                                t[0],
                                t[1],
                                0.7f,
                                t[2],
                                t[3],
                                new Backend.AdamWStep(1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, step)),
                        tensor(n),
                        tensor(n),
                        tensor(n),
                        secondMoment);
            }
            Tensor x = tensor(n);
            double expected = scalar.sumOfSquares(x);
            assertThat(Math.abs(backend.sumOfSquares(x) - expected)).isLessThanOrEqualTo(TOLERANCE * expected);
        }
    }

    private void forShapes(ShapeTest test) {
        for (int rows : new int[] {1, 3, 4, 9}) {
            for (int columns : SIZES) {
                test.run(rows, columns);
            }
        }
        test.run(257, 65);
        test.run(130, 1000);
    }

    private static int[] allSizes() {
        int[] sizes = new int[SIZES.length + LARGE_SIZES.length];
        System.arraycopy(SIZES, 0, sizes, 0, SIZES.length);
        System.arraycopy(LARGE_SIZES, 0, sizes, SIZES.length, LARGE_SIZES.length);
        return sizes;
    }

    private int anySize() {
        return SIZES[random.nextInt(SIZES.length)];
    }

    /** Runs an op on both backends, each with its own copies of {@code inputs}, and compares all that it may have written. */
    private void agree(String what, BiConsumer<Backend, Tensor[]> op, Tensor... inputs) {
        Tensor[] expected = new Tensor[inputs.length];
        Tensor[] actual = new Tensor[inputs.length];
        for (int i = 0; i < inputs.length; i++) {
            expected[i] = inputs[i].copy();
            actual[i] = inputs[i].copy();
        }
        op.accept(scalar, expected);
        op.accept(backend, actual);
        for (int i = 0; i < inputs.length; i++) {
            assertClose(what + ", argument " + i + " " + inputs[i], expected[i].array(), actual[i].array());
        }
    }

    private void agreeOnView(String what, Matrix x, float[] sums, ViewTest op) {
        Matrix expected = copy(x);
        Matrix actual = copy(x);
        float[] expectedSums = sums.clone();
        float[] actualSums = sums.clone();
        op.run(scalar, expected, expectedSums);
        op.run(backend, actual, actualSums);
        String which = what + " [" + x.rows() + ", " + x.columns() + "] with stride " + x.stride();
        assertClose(which, expected.data(), actual.data());
        assertClose(which + ", log of the sums", expectedSums, actualSums);
    }

    /** Compares relative to the largest number, which is what sums of many terms can promise. */
    private static void assertClose(String what, float[] expected, float[] actual) {
        float largest = 1;
        for (float value : expected) {
            if (Float.isFinite(value)) {
                largest = Math.max(largest, Math.abs(value));
            }
        }
        for (int i = 0; i < expected.length; i++) {
            boolean same = Float.isFinite(expected[i])
                    ? Math.abs(expected[i] - actual[i]) <= TOLERANCE * largest
                    : Float.compare(expected[i], actual[i]) == 0;
            assertThat(same)
                    .as("%s at %d: %s for %s", what, i, actual[i], expected[i])
                    .isTrue();
        }
    }

    private Tensor tensor(int... shape) {
        Tensor tensor = Tensor.zeros(shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return tensor;
    }

    /** Random numbers; as a view they lie among NaNs, which show when an op reads or writes too far. */
    private Matrix matrix(int rows, int columns, boolean view) {
        int stride = view ? columns + 3 : columns;
        int offset = view ? 5 : 0;
        float[] data = new float[offset + rows * stride];
        Arrays.fill(data, Float.NaN);
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < columns; i++) {
                data[offset + row * stride + i] = (float) random.nextGaussian();
            }
        }
        return new Matrix(data, offset, rows, columns, stride);
    }

    private static Matrix copy(Matrix x) {
        return new Matrix(x.data().clone(), x.offset(), x.rows(), x.columns(), x.stride());
    }

    private static Matrix absolute(Matrix x) {
        Matrix result = copy(x);
        for (int i = 0; i < result.data().length; i++) {
            result.data()[i] = Math.abs(result.data()[i]);
        }
        return result;
    }

    private interface ShapeTest {
        void run(int rows, int columns);
    }

    private interface ViewTest {
        void run(Backend which, Matrix x, float[] sums);
    }
}
