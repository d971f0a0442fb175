package parsimony.core.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.Backend;
import parsimony.core.backend.DeviceException;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** What depends on the device: packed weights, limits, memory, and what is said where there is none. */
class DeviceTest {
    private final SplittableRandom random = new SplittableRandom(5);
    private final Backend scalar = new ScalarBackend();

    @Test
    void a_missing_library_is_one_sentence_that_says_what_to_install() {
        assertThatThrownBy(() -> OpenCl.load(List.of("libnothing.so.7")))
                .isInstanceOf(DeviceException.class)
                .hasMessage(
                        "no OpenCL library (libnothing.so.7) was found; on Debian install ocl-icd-libopencl1 and your"
                                + " card's driver, or pocl-opencl-icd for the CPU");
    }

    /** PoCL brings handlers of LLVM's, which kill a Java that stumbles on a null pointer; only a process that has not opened it yet can tell. */
    @Test
    void java_keeps_its_signals() throws IOException, InterruptedException {
        OpenClDevice.open().close();
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Signals.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).contains("all handlers are Java's");
    }

    /** Opens the device and computes with it. */
    static final class Signals {
        private Signals() {}

        public static void main(String[] arguments) {
            try (JavaSignals before = new JavaSignals()) {
                try (OpenClBackend backend = new OpenClBackend(1)) {
                    Matrix a = Matrix.of(new float[256 * 256], 256, 256);
                    backend.multiply(a, false, a, true, Matrix.of(new float[256 * 256], 256, 256), false);
                    backend.description();
                }
                try (JavaSignals after = new JavaSignals()) {
                    System.out.println(
                            after.handlers().equals(before.handlers())
                                    ? "all handlers are Java's"
                                    : before.handlers() + " became " + after.handlers());
                }
            }
        }
    }

    @Test
    void a_device_is_chosen_by_a_part_of_its_name() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            OpenCl library = backend.queue().library();
            String name = backend.queue().device().name();
            assertThat(Device.choose(library, name.substring(1, 5).toUpperCase(Locale.ROOT))
                            .name())
                    .isNotBlank();
            assertThatThrownBy(() -> Device.choose(library, "Voodoo 2"))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContainingAll("Voodoo 2", Device.PROPERTY, Device.VARIABLE, name);
        }
    }

    @Test
    void an_error_of_the_library_has_its_name() {
        assertThatThrownBy(() -> OpenCl.check("clFinish", -5))
                .hasMessage("OpenCL's clFinish failed with CL_OUT_OF_RESOURCES");
    }

    @Test
    void multiplies_by_packed_weights() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            for (WeightStorage storage : packed(33, 96)) {
                DeviceMatrix prepared = (DeviceMatrix) backend.prepare(storage);
                assertThat(prepared.extraBytes())
                        .as("%s stays packed", storage.format())
                        .isBetween(storage.bytes(), storage.bytes() + 4L * 33 * 3 + 2);
                checkProducts(backend, prepared, storage);
            }
        }
    }

    /** Every storage that a kernel reads as it is, at sizes that leave tails where the format has any. */
    private List<WeightStorage> packed(int rows, int columns) {
        WeightStorage floats = new TensorStorage(tensor(rows, columns));
        List<WeightStorage> storages = new ArrayList<>(List.of(
                DenseStorage.of(DataType.F32, floats),
                DenseStorage.of(DataType.F16, floats),
                DenseStorage.of(DataType.BF16, floats),
                BlockStorage.of(BlockFormat.Q8_0, floats),
                BlockStorage.of(BlockFormat.Q4_0, floats)));
        for (int bits = 2; bits <= 8; bits++) {
            storages.add(grid(floats, bits, 32, false, DataType.F16));
            storages.add(grid(floats, bits, -1, true, DataType.F32));
        }
        storages.add(grid(new TensorStorage(tensor(rows, columns - 1)), 4, 32, false, DataType.BF16));
        storages.add(grid(new TensorStorage(tensor(rows, columns - 1)), 3, 7, true, DataType.F16));
        return storages;
    }

    private static WeightStorage grid(WeightStorage weights, int bits, int group, boolean symmetric, DataType scales) {
        GridStorage.Builder builder =
                new GridStorage.Builder(weights.rows(), weights.columns(), bits, group, symmetric, scales);
        float[] row = new float[weights.columns()];
        for (int r = 0; r < weights.rows(); r++) {
            weights.decodeRow(r, row, 0);
            for (int first = 0; first < row.length; first += builder.groupSize()) {
                int count = Math.min(builder.groupSize(), row.length - first);
                Grid grid = Grid.fit(row, first, count, bits, symmetric, scales);
                builder.setGrid(r, builder.groupOf(first), grid);
                for (int i = first; i < first + count; i++) {
                    builder.setCode(r, i, grid.code(row[i]));
                }
            }
        }
        return builder.build();
    }

    private void checkProducts(Backend backend, PreparedMatrix prepared, WeightStorage storage) {
        PreparedMatrix expected = scalar.prepare(storage);
        for (int inputs : new int[] {1, 3, DeviceMatrix.FEW, DeviceMatrix.FEW + 1, 40}) {
            Tensor x = tensor(inputs, storage.columns());
            Tensor y = backend.result(inputs, storage.rows());
            Tensor reference = Tensor.zeros(inputs, storage.rows());
            prepared.multiply(x, y);
            expected.multiply(x, reference);
            assertClose(storage.format() + " × " + inputs, y, reference);
            Tensor dx = tensor(inputs, storage.columns());
            Tensor referenceDx = dx.copy();
            prepared.multiplyTransposed(y, dx);
            expected.multiplyTransposed(y, referenceDx);
            assertClose(storage.format() + " transposed × " + inputs, dx, referenceDx);
        }
    }

    @Test
    void each_of_a_few_rows_gets_the_bits_that_it_gets_alone() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            for (WeightStorage storage : packed(40, 64)) {
                PreparedMatrix prepared = backend.prepare(storage);
                Tensor x = tensor(backend.rowsAlike() + 3, storage.columns());
                Tensor together = Tensor.zeros(x.rows(), 40);
                prepared.multiplyInPieces(x, together, backend.rowsAlike());
                for (int row = 0; row < x.rows(); row++) {
                    float[] one = new float[x.columns()];
                    System.arraycopy(x.array(), row * one.length, one, 0, one.length);
                    Tensor alone = Tensor.zeros(1, 40);
                    prepared.multiply(Tensor.of(one, 1, one.length), alone);
                    assertThat(new Matrix(together.array(), row * 40, 1, 40, 40).get(0, 39))
                            .isEqualTo(alone.array()[39]);
                }
            }
        }
    }

    @Test
    void smaller_limits_are_met_by_smaller_and_by_plainer_kernels() {
        Matrix a = Matrix.of(tensor(50, 37).array(), 50, 37);
        Matrix b = Matrix.of(tensor(37, 45).array(), 37, 45);
        Matrix expected = Matrix.of(new float[50 * 45], 50, 45);
        scalar.multiply(a, false, b, false, expected, false);
        for (Limited limited : List.of(
                new Limited(10, 1 << 16, "gemm does without tiles of 64, whose groups have "),
                new Limited(1024, 5000, "gemm does without tiles of 64, which take "),
                new Limited(8, 1 << 16, "rms_norm runs in groups of 8 instead of "),
                new Limited(1, 1 << 16, "gemm does without tiles of 16, whose groups have "))) {
            try (OpenClBackend backend = OpenClDevice.open(
                    1,
                    real -> new Limits(
                            limited.workGroup, limited.localBytes, real.globalBytes(), real.allocationBytes()),
                    true)) {
                Matrix product = Matrix.of(new float[50 * 45], 50, 45);
                backend.multiply(a, false, b, false, product, false);
                assertClose(limited.reason, Tensor.of(product.data(), 50, 45), Tensor.of(expected.data(), 50, 45));
                Tensor x = tensor(3, 70);
                Tensor weight = tensor(70);
                Tensor normed = Tensor.zeros(3, 70);
                Tensor reference = Tensor.zeros(3, 70);
                backend.rmsNorm(x, weight, 1e-5f, normed);
                scalar.rmsNorm(x, weight, 1e-5f, reference);
                assertClose(limited.reason, normed, reference);
                WeightStorage storage = BlockStorage.of(BlockFormat.Q4_0, new TensorStorage(tensor(20, 64)));
                checkProducts(backend, backend.prepare(storage), storage);
                assertThat(backend.description()).contains(limited.reason).doesNotContain("\n");
            }
        }
    }

    private record Limited(long workGroup, long localBytes, String reason) {}

    @Test
    void what_does_not_compile_runs_on_the_processor() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            synchronized (backend.queue()) {
                assertThat(
                                backend.kernels()
                                        .find(
                                                "gemm",
                                                "gemm",
                                                "-DTILE_ROWS=oops -DTILE_COLUMNS=16 -DDEPTH=16 -DWIDTH=4 -DROW_PARTS=1 -DCOLUMN_PARTS=1"))
                        .isEmpty();
                assertThat(backend.kernels().reasons().getFirst())
                        .startsWith("gemm does not compile here (")
                        .contains("oops")
                        .endsWith("so a plainer kernel or the processor does its work");
            }
        }
    }

    @Test
    void too_little_memory_is_one_sentence() {
        long limit = 100_000;
        WeightStorage large = DenseStorage.of(DataType.F32, new TensorStorage(tensor(200, 200)));
        try (OpenClBackend backend = OpenClDevice.open(
                1, real -> new Limits(real.workGroupSize(), real.localBytes(), limit, real.allocationBytes()), false)) {
            assertThatThrownBy(() -> backend.prepare(large))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContainingAll(
                            "has too little memory: 160,000 bytes are needed beside the 0 bytes in use",
                            "it has 100,000 bytes in all");
            assertThat(backend.memory().used()).isZero();
        }
        try (OpenClBackend backend = OpenClDevice.open(
                1, real -> new Limits(real.workGroupSize(), real.localBytes(), real.globalBytes(), limit), false)) {
            assertThatThrownBy(() -> backend.prepare(large))
                    .hasMessageEndingWith("gives at most 100,000 bytes in one piece, and 160,000 bytes are needed");
        }
    }

    @Test
    void weights_that_are_not_in_use_make_room_and_come_back() {
        WeightStorage first = DenseStorage.of(DataType.F32, new TensorStorage(tensor(200, 200)));
        WeightStorage second = DenseStorage.of(DataType.F32, new TensorStorage(tensor(200, 200)));
        try (OpenClBackend backend = OpenClDevice.open(
                1,
                real -> new Limits(real.workGroupSize(), real.localBytes(), 200_000, real.allocationBytes()),
                false)) {
            PreparedMatrix early = backend.prepare(first);
            checkOneProduct(backend, early, first);
            assertThatThrownBy(() -> backend.prepare(second))
                    .as("the pass before this one used the first")
                    .isInstanceOf(DeviceException.class);
            backend.pass(() -> null);
            backend.pass(() -> null);
            PreparedMatrix late = backend.prepare(second);
            assertThat(early.extraBytes()).isZero();
            checkOneProduct(backend, late, second);
            backend.pass(() -> null);
            backend.pass(() -> null);
            checkOneProduct(backend, early, first);
        }
    }

    private void checkOneProduct(Backend backend, PreparedMatrix prepared, WeightStorage storage) {
        Tensor x = tensor(1, storage.columns());
        Tensor y = Tensor.zeros(1, storage.rows());
        Tensor reference = Tensor.zeros(1, storage.rows());
        backend.pass(() -> {
            prepared.multiply(x, y);
            return null;
        });
        scalar.prepare(storage).multiply(x, reference);
        assertClose("after making room", y, reference);
    }

    @Test
    void a_pass_owns_what_is_made_in_it() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            Tensor weight = tensor(64);
            Tensor given = tensor(2, 64);
            Tensor before = given.copy();
            List<Tensor> lost = new ArrayList<>();
            Tensor result = backend.pass(() -> {
                Tensor inner = backend.pass(() -> {
                    Tensor normed = backend.result(2, 64);
                    backend.rmsNorm(given, weight, 1e-5f, normed);
                    Tensor sum = normed.copy();
                    backend.add(normed, sum);
                    lost.add(normed);
                    return sum;
                });
                assertThat(inner.residence()).isNotNull();
                assertThatThrownBy(lost.getFirst()::array)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("ended with the pass");
                backend.add(inner, given);
                return inner;
            });
            assertThat(result.residence()).isNull();
            assertThat(given.residence()).as("what was there before comes home").isNull();
            Tensor expected = Tensor.zeros(2, 64);
            scalar.rmsNorm(before, weight, 1e-5f, expected);
            scalar.add(expected.copy(), expected);
            assertClose("the result", result, expected);
            scalar.add(expected, before);
            assertClose("what an op changed in place", given, before);
        }
    }

    @Test
    void a_host_that_changes_an_array_between_passes_is_noticed() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            Tensor bias = tensor(32);
            float[] numbers = bias.array();
            for (int i = 0; i < 3; i++) {
                numbers[i] = 10 + i;
                Tensor y = backend.pass(() -> {
                    Tensor sum = Tensor.zeros(2, 32);
                    backend.addBias(bias, sum);
                    return sum;
                });
                assertThat(y.array()[32 + i]).isEqualTo(10 + i);
            }
        }
    }

    @Test
    void launching_costs_something() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            assertThat(backend.launchOverhead().orElseThrow())
                    .matches(
                            "an empty kernel takes .* µs to be given, .* µs one after the other, .* µs there and back");
        }
    }

    private Tensor tensor(int... shape) {
        Tensor tensor = Tensor.zeros(shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return tensor;
    }

    private static void assertClose(String what, Tensor actual, Tensor expected) {
        float largest = 1;
        for (float number : expected.array()) {
            largest = Math.max(largest, Math.abs(number));
        }
        for (int i = 0; i < expected.size(); i++) {
            assertThat(Math.abs(actual.array()[i] - expected.array()[i]))
                    .as("%s at %d: %s for %s", what, i, actual.array()[i], expected.array()[i])
                    .isLessThanOrEqualTo(4e-6f * largest);
        }
    }
}
