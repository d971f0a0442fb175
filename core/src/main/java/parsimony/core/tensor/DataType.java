package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Floating-point formats of weights in files and in memory, little-endian. */
public enum DataType {
    F32(4),
    F16(2),
    BF16(2);

    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int bytes;

    DataType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes per number. */
    public int bytes() {
        return bytes;
    }

    /** The number at {@code byteOffset}. */
    public float get(MemorySegment source, long byteOffset) {
        return switch (this) {
            case F32 -> source.get(FLOAT, byteOffset);
            case F16 -> Float.float16ToFloat(source.get(SHORT, byteOffset));
            case BF16 -> Float.intBitsToFloat(source.get(SHORT, byteOffset) << 16);
        };
    }

    /** Reads {@code count} numbers from {@code byteOffset} on. */
    public void read(MemorySegment source, long byteOffset, int count, float[] target, int offset) {
        switch (this) {
            case F32 -> MemorySegment.copy(source, FLOAT, byteOffset, target, offset, count);
            case F16 -> {
                for (int i = 0; i < count; i++) {
                    target[offset + i] = Float.float16ToFloat(source.get(SHORT, byteOffset + 2L * i));
                }
            }
            case BF16 -> {
                for (int i = 0; i < count; i++) {
                    target[offset + i] = Float.intBitsToFloat(source.get(SHORT, byteOffset + 2L * i) << 16);
                }
            }
        }
    }

    /** Writes {@code count} numbers, rounded to nearest even, from {@code byteOffset} on. */
    public void write(float[] source, int offset, int count, MemorySegment target, long byteOffset) {
        switch (this) {
            case F32 -> MemorySegment.copy(source, offset, target, FLOAT, byteOffset, count);
            case F16 -> {
                for (int i = 0; i < count; i++) {
                    target.set(SHORT, byteOffset + 2L * i, Float.floatToFloat16(source[offset + i]));
                }
            }
            case BF16 -> {
                for (int i = 0; i < count; i++) {
                    target.set(SHORT, byteOffset + 2L * i, toBfloat16(source[offset + i]));
                }
            }
        }
    }

    /** The number that is left of {@code value} after it has been stored in this format. */
    public float round(float value) {
        return switch (this) {
            case F32 -> value;
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
            case BF16 -> Float.intBitsToFloat(toBfloat16(value) << 16);
        };
    }

    /** The same for a positive number; one that the format cannot hold becomes its largest or smallest positive number. */
    public float roundPositive(float value) {
        float smallest = switch (this) {
            case F32 -> Float.MIN_VALUE;
            case F16 -> 0x1p-24f;
            case BF16 -> 0x1p-133f;
        };
        float largest = switch (this) {
            case F32 -> Float.MAX_VALUE;
            case F16 -> 65504;
            case BF16 -> 0x1.fep127f;
        };
        return Math.clamp(round(value), smallest, largest);
    }

    private static short toBfloat16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            // Rounding could carry a NaN into infinity; set a mantissa bit that survives instead.
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }
}
