package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;

class PackedMatrixTest {
    private static VectorBackend backend;

    @BeforeAll
    static void start() {
        backend = new VectorBackend(3);
    }

    @AfterAll
    static void stop() {
        backend.close();
    }

    private static GridStorage grid(int rows, int columns, int bits, int group, boolean symmetric) {
        Random random = new Random(rows * 31L + columns + bits);
        GridStorage.Builder builder = new GridStorage.Builder(rows, columns, bits, group, symmetric, DataType.F16);
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < builder.groups(); i++) {
                float scale = DataType.F16.round(random.nextFloat(0.01f, 0.1f));
                builder.setGrid(row, i, new Grid(bits, scale, symmetric ? 1 << (bits - 1) : random.nextInt(1 << bits)));
            }
            for (int i = 0; i < columns; i++) {
                builder.setCode(row, i, random.nextInt(1 << bits));
            }
        }
        return builder.build();
    }

    private static Tensor random(int rows, int columns, long seed) {
        Random random = new Random(seed);
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = random.nextFloat(-1, 1);
        }
        return tensor;
    }

    /** Inputs that rounding to 8 bits leaves as they are: the first of any four that share a scale is the largest. */
    private static Tensor eightBits(int rows, int columns, int groupSize) {
        Random random = new Random(rows);
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = i % columns % groupSize % 4 == 0 ? 127 : random.nextInt(-127, 128);
        }
        return tensor;
    }

    private static void assertMultiplies(AffineGroups storage) {
        PreparedMatrix prepared = backend.prepare(storage);
        float[] weights = storage.decode().array();
        int out = storage.rows();
        int in = storage.columns();
        for (int batch : new int[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 33}) {
            Tensor x = eightBits(batch, in, storage.groupSize());
            Tensor y = random(batch, out, 7);
            prepared.multiply(x, y);
            for (int n = 0; n < batch; n++) {
                for (int row = 0; row < out; row++) {
                    double sum = 0;
                    double size = 0;
                    for (int i = 0; i < in; i++) {
                        double product = (double) weights[row * in + i] * x.array()[n * in + i];
                        sum += product;
                        size += Math.abs(product);
                    }
                    assertThat(Math.abs(y.array()[n * out + row] - sum))
                            .as("%s [%d, %d] × %d at %d, %d", storage.format(), out, in, batch, n, row)
                            .isLessThanOrEqualTo(3e-6 * size);
                }
            }
        }
        Tensor dy = random(9, out, 3);
        Tensor dx = random(9, in, 4);
        Tensor before = dx.copy();
        prepared.multiplyTransposed(dy, dx);
        for (int n = 0; n < 9; n++) {
            for (int i = 0; i < in; i++) {
                double sum = before.array()[n * in + i];
                double size = Math.abs(sum);
                for (int row = 0; row < out; row++) {
                    double product = (double) weights[row * in + i] * dy.array()[n * out + row];
                    sum += product;
                    size += Math.abs(product);
                }
                assertThat(Math.abs(dx.array()[n * in + i] - sum)).isLessThanOrEqualTo(3e-6 * size);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5, 6, 7, 8})
    void agreesWithDecodedWeights(int bits) {
        for (boolean symmetric : new boolean[] {true, false}) {
            assertMultiplies(grid(32, 64, bits, 32, symmetric));
            assertMultiplies(grid(1, 16, bits, 16, symmetric));
            assertMultiplies(grid(31, 33, bits, 32, symmetric));
            assertMultiplies(grid(70, 100, bits, 16, symmetric));
            assertMultiplies(grid(33, 129, bits, -1, symmetric));
            assertMultiplies(grid(97, 150, bits, 50, symmetric));
            assertMultiplies(grid(5, 40, bits, 3, symmetric));
            // An odd number of words a group, which are packed two at a time.
            assertMultiplies(grid(37, 60, bits, 20, symmetric));
        }
        assertMultiplies(grid(300, 520, bits, 128, false));
        // Panels of 256 columns end within a word.
        assertMultiplies(grid(40, 600, bits, 50, false));
        assertMultiplies(grid(33, 601, bits, -1, true));
    }

    private static BlockStorage blocks(BlockFormat format, int rows, int columns) {
        byte[] bytes = new byte[(int) (rows * format.rowBytes(columns))];
        new Random(5).nextBytes(bytes);
        // The first byte of a number in half precision is left as it is; the second makes it a small one.
        for (int block = 0; block < bytes.length; block += format.bytes()) {
            int scale = format == BlockFormat.Q6_K ? 208 : 0;
            bytes[block + scale + 1] = 0x24;
            if (format.zeroPoint() == 0) {
                bytes[block + 3] = 0x21;
            }
        }
        return new BlockStorage(format, rows, columns, MemorySegment.ofArray(bytes));
    }

    @ParameterizedTest
    @EnumSource
    void agreesWithDecodedBlocks(BlockFormat format) {
        BlockStorage storage = blocks(format, 45, 2 * format.weights());
        assertThat(backend.prepare(storage).extraBytes()).isPositive();
        assertMultiplies(storage);
        // More columns than are decoded at a time, and an odd number of groups.
        assertMultiplies(blocks(format, 33, format.weights() == 32 ? 352 : 768));
    }

    @ParameterizedTest
    @CsvSource({"2, 32, 1", "4, 32, 1", "4, -1, 1", "4, 50, 1", "2, 32, 1000", "4, 32, 1000", "4, -1, 1000"})
    void roundsInputsNoMoreThanItSays(int bits, int group, float largest) {
        GridStorage storage = grid(70, 320, bits, group, false);
        float[] weights = storage.decode().array();
        for (int batch : new int[] {1, 3, 9}) {
            Tensor x = random(batch, 320, 5);
            Tensor y = Tensor.zeros(batch, 70);
            for (int i = 7; i < x.size(); i += 64) {
                x.array()[i] *= largest;
            }
            backend.prepare(storage).multiply(x, y);
            // A number that stands out takes the digits of no other: what is left over is rounded again.
            double step = largest == 1 ? 1 / 127.0 : 1.01 * largest / 127 / 254;
            for (int n = 0; n < batch; n++) {
                for (int row = 0; row < 70; row++) {
                    double sum = 0;
                    double error = 0;
                    for (int i = 0; i < 320; i++) {
                        double product = (double) weights[row * 320 + i] * x.array()[n * 320 + i];
                        sum += product;
                        error += Math.abs(weights[row * 320 + i]) * step / 2 + 3e-6 * Math.abs(product);
                    }
                    assertThat(Math.abs(y.array()[n * 70 + row] - sum)).isLessThanOrEqualTo(error);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"2, 20", "3, 32", "4, 32", "4, -1", "4, 128", "8, 32", "8, 5"})
    void neitherBatchNorThreadsChangeTheBits(int bits, int group) {
        assertSameBits(grid(301, 777, bits, group, false));
    }

    @ParameterizedTest
    @EnumSource
    void neitherBatchNorThreadsChangeTheBitsOfBlocks(BlockFormat format) {
        assertSameBits(blocks(format, 301, 768));
    }

    private static void assertSameBits(AffineGroups storage) {
        int in = storage.columns();
        // Weights of more than 4 bits are multiplied in another order by batches of more than 8.
        for (int batch : storage.bits() <= 4 ? new int[] {4, 8, 9, 21, 150} : new int[] {8}) {
            Tensor x = random(batch, in, 1);
            // Numbers stand out, in some vectors in the same block.
            for (int n = 3; n < batch; n += 4) {
                x.array()[n * in + 10] = 100;
                x.array()[n * in + 40 + n] = 1000;
            }
            Tensor all = Tensor.zeros(batch, 301);
            backend.prepare(storage).multiply(x, all);
            try (VectorBackend single = new VectorBackend(1)) {
                PreparedMatrix prepared = single.prepare(storage);
                Tensor one = Tensor.zeros(1, 301);
                for (int n = 0; n < batch; n++) {
                    float[] input = Arrays.copyOfRange(x.array(), n * in, (n + 1) * in);
                    prepared.multiply(Tensor.of(input, 1, in), one);
                    assertThat(one.array()).isEqualTo(Arrays.copyOfRange(all.array(), n * 301, (n + 1) * 301));
                }
            }
        }
    }

    @Test
    void tellsWhatItTakes() {
        int rows = Math.ceilDiv(40, IntegerKernel.ROWS) * IntegerKernel.ROWS;
        // 100 columns in groups of 32 are four groups, each of 32 codes and a scale, which is a half beside codes of at
        // most 4 bits.
        assertThat(extraBytes(40, 100, 4, 32, true)).isEqualTo(rows * 4 * (16 + 2));
        assertThat(extraBytes(40, 100, 3, 32, true)).isEqualTo(rows * 4 * (16 + 2));
        assertThat(extraBytes(40, 100, 2, 32, true)).isEqualTo(rows * 4 * (8 + 2));
        assertThat(extraBytes(40, 100, 8, 32, false)).isEqualTo(rows * 4 * (32 + 4 + 4));
        assertThat(extraBytes(40, 100, 4, 3, true)).as("read where they lie").isZero();
    }

    private static long extraBytes(int rows, int columns, int bits, int group, boolean symmetric) {
        return backend.prepare(grid(rows, columns, bits, group, symmetric)).extraBytes();
    }

    @Test
    void anUnusualInputSpoilsItsOwnOutputsAlone() {
        PreparedMatrix prepared = backend.prepare(grid(40, 100, 4, 24, false));
        Tensor x = random(2, 100, 1);
        x.array()[99] = Float.POSITIVE_INFINITY;
        Tensor y = Tensor.zeros(2, 40);
        prepared.multiply(x, y);
        for (int i = 0; i < 80; i++) {
            assertThat(Float.isFinite(y.array()[i])).isEqualTo(i >= 40);
        }
    }
}
