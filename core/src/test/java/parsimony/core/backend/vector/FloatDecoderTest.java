package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import parsimony.core.tensor.DataType;

class FloatDecoderTest {
    /** All 65,536 patterns of 16 bits, from an odd address. */
    private static MemorySegment everyPattern() {
        MemorySegment segment = MemorySegment.ofArray(new byte[2 * 65536 + 1]).asSlice(1);
        for (int i = 0; i < 65536; i++) {
            segment.set(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 2L * i, (short) i);
        }
        return segment;
    }

    @Test
    void everyHalfPrecisionNumberIsExact() {
        float[] decoded = new float[65536];
        FloatDecoder.decode(DataType.F16, everyPattern(), 0, decoded, 0, 65536);
        for (int i = 0; i < 65536; i++) {
            assertThat(decoded[i]).isEqualTo(Float.valueOf(Float.float16ToFloat((short) i)));
        }
    }

    @Test
    void everyBrainFloatIsExact() {
        float[] decoded = new float[65536];
        FloatDecoder.decode(DataType.BF16, everyPattern(), 0, decoded, 0, 65536);
        for (int i = 0; i < 65536; i++) {
            assertThat(Float.floatToRawIntBits(decoded[i])).isEqualTo(i << 16);
        }
    }

    @Test
    void partsAreReadFromAndWrittenToWhereTheyBelong() {
        for (DataType format : DataType.values()) {
            byte[] bytes = new byte[40 * format.bytes() + 3];
            MemorySegment segment = MemorySegment.ofArray(bytes);
            for (int i = 0; i < 40; i++) {
                int bits = Float.floatToRawIntBits(i);
                switch (format) {
                    case F32 -> set(bytes, 3 + 4 * i, bits, 4);
                    case BF16 -> set(bytes, 3 + 2 * i, bits >>> 16, 2);
                    case F16 -> set(bytes, 3 + 2 * i, Float.floatToFloat16(i), 2);
                }
            }
            for (int count : new int[] {0, 1, 15, 16, 35}) {
                float[] target = new float[count + 4];
                Arrays.fill(target, -1);
                FloatDecoder.decode(format, segment, 3 + 5L * format.bytes(), target, 2, count);
                for (int i = 0; i < target.length; i++) {
                    assertThat(target[i]).isEqualTo(i >= 2 && i < count + 2 ? i + 3 : -1);
                }
            }
            assertThatThrownBy(
                            () -> FloatDecoder.decode(format, segment, 3 + 5L * format.bytes(), new float[36], 0, 36))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    private static void set(byte[] bytes, int at, int bits, int count) {
        for (int i = 0; i < count; i++) {
            bytes[at + i] = (byte) (bits >>> (8 * i));
        }
    }
}
