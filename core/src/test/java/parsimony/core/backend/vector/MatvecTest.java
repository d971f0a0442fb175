package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Matrix;

class MatvecTest {
    private static final float UNTOUCHED = 12345;

    private static Parallel threads;
    private static Matvec matvec;

    @BeforeAll
    static void start() {
        threads = new Parallel(3);
        matvec = new Matvec(threads);
    }

    @AfterAll
    static void stop() {
        threads.close();
    }

    private static byte[] encode(DataType format, float[] values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * format.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            switch (format) {
                case F32 -> buffer.putFloat(value);
                case BF16 -> buffer.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
                case F16 -> buffer.putShort(Float.floatToFloat16(value));
            }
        }
        return buffer.array();
    }

    private static float[] random(int count, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat(-1, 1);
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "3, 2", "5, 15", "4, 16", "7, 17", "33, 100", "64, 257", "300, 256", "1001, 70", "2, 0"})
    void agreesWithPlainLoopsInEveryFormatAndBatch(int out, int in) {
        for (DataType format : DataType.values()) {
            byte[] bytes = encode(format, random(out * in, 1));
            float[] weights = new float[out * in];
            format.read(MemorySegment.ofArray(bytes), 0, weights.length, weights, 0);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment nativeMemory = arena.allocate(bytes.length + 2, 2).asSlice(2);
                MemorySegment.copy(bytes, 0, nativeMemory, ValueLayout.JAVA_BYTE, 0, bytes.length);
                for (int batch = 0; batch <= 9; batch++) {
                    assertAgrees(new DenseStorage(format, out, in, nativeMemory), weights, batch);
                    assertAgrees(new DenseStorage(format, out, in, MemorySegment.ofArray(bytes)), weights, batch);
                }
            }
        }
    }

    private static void assertAgrees(DenseStorage stored, float[] weights, int batch) {
        int out = stored.rows();
        int in = stored.columns();
        float[] x = random(batch * in, batch);
        float[] y = new float[batch * out + 1];
        Arrays.fill(y, UNTOUCHED);
        matvec.multiply(stored, batch, x, y);
        assertThat(y[batch * out]).isEqualTo(UNTOUCHED);
        for (int i = 0; i < batch * out; i++) {
            double sum = 0;
            for (int j = 0; j < in; j++) {
                sum += (double) weights[i % out * in + j] * x[i / out * in + j];
            }
            assertThat((double) y[i]).isCloseTo(sum, within(1e-6 * (1 + Math.sqrt(in))));
        }
    }

    @ParameterizedTest
    @EnumSource
    void neitherBatchNorThreadsChangeTheBits(DataType format) {
        int out = 131;
        int in = 777;
        DenseStorage weights =
                new DenseStorage(format, out, in, MemorySegment.ofArray(encode(format, random(out * in, 5))));
        float[] x = random(8 * in, 6);
        float[] all = new float[8 * out];
        matvec.multiply(weights, 8, x, all);
        float[] one = new float[out];
        Matvec single = new Matvec(new Parallel(1));
        for (int i = 0; i < 8; i++) {
            single.multiply(weights, 1, Arrays.copyOfRange(x, i * in, (i + 1) * in), one);
            assertThat(one).isEqualTo(Arrays.copyOfRange(all, i * out, (i + 1) * out));
        }
    }

    @ParameterizedTest
    @CsvSource({"true, 40, 100", "false, 40, 100", "true, 1000, 77", "false, 1003, 77"})
    void neitherBatchNorThreadsChangeTheBitsOfPlainMatrices(boolean transposeW, int out, int in) {
        float[] data = random(out * in, 9);
        Matrix w = transposeW ? Matrix.of(data, out, in) : Matrix.of(data, in, out);
        Matrix x = Matrix.of(random(8 * in, 10), 8, in);
        Matrix all = Matrix.of(new float[8 * out], 8, out);
        matvec.multiply(x, transposeW, w, all, false);
        Matrix one = Matrix.of(new float[8 * out], 8, out);
        Matvec single = new Matvec(new Parallel(1));
        for (int i = 0; i < 8; i++) {
            single.multiply(x.rows(i, 1), transposeW, w, one.rows(i, 1), false);
        }
        assertThat(one.data()).isEqualTo(all.data());
    }

    @Test
    void decodedRowsGiveWhatTheSameDenseWeightsGive() {
        int out = 259;
        int in = 260;
        float[] w = random(out * in, 7);
        float[] x = random(3 * in, 8);
        float[] dense = new float[3 * out];
        float[] decoded = new float[3 * out];
        DenseStorage stored = new DenseStorage(DataType.F32, out, in, MemorySegment.ofArray(encode(DataType.F32, w)));
        for (int batch : new int[] {1, 3}) {
            matvec.multiply(stored, batch, x, dense);
            RowDecoder rows = (row, target, offset) -> System.arraycopy(w, row * in, target, offset, in);
            matvec.multiply(rows, out, in, batch, x, decoded);
            assertThat(decoded).isEqualTo(dense);
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        DenseStorage weights = new DenseStorage(DataType.F16, 2, 3, MemorySegment.ofArray(new byte[12]));
        assertThatThrownBy(() -> matvec.multiply(weights, 2, new float[5], new float[4]))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("2 vectors of 3 and 2 floats do not lie within arrays of 5 and 4");
        assertThatThrownBy(() -> matvec.multiply(weights, 1, new float[3], new float[1]))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }
}
