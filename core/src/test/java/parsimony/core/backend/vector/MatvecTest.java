package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
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

    private static byte[] encode(FloatFormat format, float[] values) {
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
        for (FloatFormat format : FloatFormat.values()) {
            byte[] bytes = encode(format, random(out * in, 1));
            float[] weights = new float[out * in];
            format.decode(MemorySegment.ofArray(bytes), 0, weights, 0, weights.length);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment nativeMemory = arena.allocate(bytes.length + 2, 2).asSlice(2);
                MemorySegment.copy(bytes, 0, nativeMemory, ValueLayout.JAVA_BYTE, 0, bytes.length);
                for (int batch = 0; batch <= 9; batch++) {
                    assertAgrees(format, nativeMemory, weights, out, in, batch);
                    assertAgrees(format, MemorySegment.ofArray(bytes), weights, out, in, batch);
                }
            }
        }
    }

    private static void assertAgrees(
            FloatFormat format, MemorySegment stored, float[] weights, int out, int in, int batch) {
        int xStride = in + 3;
        int yStride = out + 2;
        float[] x = random(2 + batch * xStride + in, batch);
        float[] y = new float[1 + batch * yStride + out];
        Arrays.fill(y, UNTOUCHED);
        matvec.multiply(format, stored, out, in, batch, x, 2, xStride, y, 1, yStride);
        for (int i = 0; i < y.length; i++) {
            int vector = (i - 1) / yStride;
            int row = (i - 1) % yStride;
            if (i == 0 || vector >= batch || row >= out) {
                assertThat(y[i]).isEqualTo(UNTOUCHED);
            } else {
                double sum = 0;
                for (int j = 0; j < in; j++) {
                    sum += (double) weights[row * in + j] * x[2 + vector * xStride + j];
                }
                assertThat((double) y[i]).isCloseTo(sum, within(1e-6 * (1 + Math.sqrt(in))));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void neitherBatchNorThreadsChangeTheBits(FloatFormat format) {
        int out = 131;
        int in = 777;
        MemorySegment weights = MemorySegment.ofArray(encode(format, random(out * in, 5)));
        float[] x = random(8 * in, 6);
        float[] all = new float[8 * out];
        matvec.multiply(format, weights, out, in, 8, x, 0, in, all, 0, out);
        float[] one = new float[out];
        Matvec single = new Matvec(new Parallel(1));
        for (int i = 0; i < 8; i++) {
            single.multiply(format, weights, out, in, 1, x, i * in, in, one, 0, out);
            assertThat(one).isEqualTo(Arrays.copyOfRange(all, i * out, (i + 1) * out));
        }
    }

    @Test
    void decodedRowsGiveWhatTheSameDenseWeightsGive() {
        int out = 259;
        int in = 260;
        float[] w = random(out * in, 7);
        float[] x = random(3 * in, 8);
        float[] dense = new float[3 * out];
        float[] decoded = new float[3 * out];
        MemorySegment stored = MemorySegment.ofArray(encode(FloatFormat.F32, w));
        for (int batch : new int[] {1, 3}) {
            matvec.multiply(FloatFormat.F32, stored, out, in, batch, x, 0, in, dense, 0, out);
            RowDecoder rows = (row, target, offset) -> System.arraycopy(w, row * in, target, offset, in);
            matvec.multiply(rows, out, in, batch, x, 0, in, decoded, 0, out);
            assertThat(decoded).isEqualTo(dense);
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        MemorySegment weights = MemorySegment.ofArray(new byte[15]);
        float[] four = new float[4];
        assertThatThrownBy(() -> matvec.multiply(FloatFormat.F32, weights, 2, 2, 1, four, 0, 2, four, 0, 2))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("weights of 16 bytes do not lie within a segment of 15");
        assertThatThrownBy(() -> matvec.multiply(FloatFormat.F16, weights, 2, 2, 2, four, 1, 2, four, 0, 2))
                .isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("2 vectors X of 2 floats from 1 with stride 2 do not lie within an array of 4");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> matvec.multiply(FloatFormat.F16, weights, -2, 2, 1, four, 0, 2, four, 0, 2))
                .withMessage("a product of 1 vectors with a matrix of -2 × 2");
    }
}
