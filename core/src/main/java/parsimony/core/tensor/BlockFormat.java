package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Quantized blocks as GGUF files hold them: a run of neighbouring weights of one row shares half-precision scales. {@code Q8_0} and {@code Q4_0} are
 * q · scale, {@code Q4_1} is q · scale + minimum. The K formats have blocks of 256 in sub-blocks of 32 or 16, whose scales (and minima, subtracted) are
 * themselves small integers times a scale of the whole block: a half each for scales and minima, then 12 bytes of sub-block scales and minima, then the
 * codes; in Q6_K, which has no minima, the codes come first.
 */
public enum BlockFormat {
    Q8_0(32, 34, 8, 32, 128),
    Q4_0(32, 18, 4, 32, 8),
    Q4_1(32, 20, 4, 32, 0),
    Q4_K(256, 144, 4, 32, 0),
    Q5_K(256, 176, 5, 32, 0),
    Q6_K(256, 210, 6, 16, 32);

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    /** Eight codes at once. */
    private static final VarHandle CODES = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long LOW_HALVES = 0x0f0f0f0f0f0f0f0fL;
    /** Adding 128 to a byte flips its highest bit. */
    private static final long HIGHEST_BITS = 0x8080808080808080L;

    private final int weights;
    private final int bytes;
    private final int bits;
    private final int groupSize;
    private final int zeroPoint;

    BlockFormat(int weights, int bytes, int bits, int groupSize, int zeroPoint) {
        this.weights = weights;
        this.bytes = bytes;
        this.bits = bits;
        this.groupSize = groupSize;
        this.zeroPoint = zeroPoint;
    }

    /** Weights a block. */
    public int weights() {
        return weights;
    }

    /** Bytes a block. */
    public int bytes() {
        return bytes;
    }

    /** Bits of a code. */
    public int bits() {
        return bits;
    }

    /** Weights that share a scale: a block's or a sub-block's. */
    public int groupSize() {
        return groupSize;
    }

    /** The code that stands for 0, the same in every block; 0 where each group has a minimum instead. */
    public int zeroPoint() {
        return zeroPoint;
    }

    /** Bytes of a row of {@code columns} weights, which must be a multiple of {@link #weights()}. */
    public long rowBytes(int columns) {
        return (long) (columns / weights) * bytes;
    }

    /** Whether a group's scale is stored as it is, a half, and not as a product. */
    public boolean hasHalfScales() {
        return weights == groupSize;
    }

    /** Whether {@link #encode} knows this format. */
    public boolean canEncode() {
        return weights == 32;
    }

    /** Writes the codes of the block at {@code start}, unsigned, to {@code target} from {@code offset} on. */
    public void readCodes(MemorySegment source, long start, byte[] target, int offset) {
        switch (this) {
            case Q8_0 -> {
                for (int i = 0; i < 32; i += Long.BYTES) {
                    CODES.set(target, offset + i, source.get(LONG, start + 2 + i) ^ HIGHEST_BITS);
                }
            }
            case Q4_0 -> readPairs(source, start + 2, 16, target, offset);
            case Q4_1 -> readPairs(source, start + 4, 16, target, offset);
            case Q4_K -> {
                for (int pairs = 0; pairs < 4; pairs++) {
                    readPairs(source, start + 16 + 32L * pairs, 32, target, offset + 64 * pairs);
                }
            }
            case Q5_K -> readQ5K(source, start, target, offset);
            case Q6_K -> readQ6K(source, start, target, offset);
        }
    }

    /** What the codes of a block's group, less the zero point, are multiplied by. */
    public float scale(MemorySegment source, long start, int group) {
        return switch (this) {
            case Q8_0, Q4_0, Q4_1 -> half(source, start);
            case Q4_K, Q5_K -> half(source, start) * subScale(source, start + 4, group);
            case Q6_K -> half(source, start + 208) * source.get(ValueLayout.JAVA_BYTE, start + 192 + group);
        };
    }

    /** What is added after that: negative zero, which changes no number, but for the formats that keep a minimum. */
    public float minimum(MemorySegment source, long start, int group) {
        return switch (this) {
            case Q8_0, Q4_0, Q6_K -> -0f;
            case Q4_1 -> half(source, start + 2);
            case Q4_K, Q5_K -> -(half(source, start + 2) * subMinimum(source, start + 4, group));
        };
    }

    /**
     * Quantizes one block to the nearest grid point, with the rounding of llama.cpp's reference code.
     *
     * @throws UnsupportedOperationException for the K formats, which are only read
     */
    public void encode(float[] source, int offset, MemorySegment target, long start) {
        switch (this) {
            case Q8_0 -> encodeQ80(source, offset, target, start);
            case Q4_0 -> encodeQ40(source, offset, target, start);
            case Q4_1 -> encodeQ41(source, offset, target, start);
            case Q4_K, Q5_K, Q6_K -> throw new UnsupportedOperationException(this + " can be read, not written");
        }
    }

    /** Low halves of {@code count} bytes, a multiple of eight, then their high halves. */
    private static void readPairs(MemorySegment source, long pairs, int count, byte[] target, int offset) {
        for (int i = 0; i < count; i += Long.BYTES) {
            long eight = source.get(LONG, pairs + i);
            CODES.set(target, offset + i, eight & LOW_HALVES);
            CODES.set(target, offset + count + i, eight >>> 4 & LOW_HALVES);
        }
    }

    /** As Q4_K, with the fifth bits in 32 bytes before the pairs: bit g of byte i belongs to weight i of sub-block g. */
    private static void readQ5K(MemorySegment source, long start, byte[] target, int offset) {
        for (int pairs = 0; pairs < 4; pairs++) {
            readPairs(source, start + 48 + 32L * pairs, 32, target, offset + 64 * pairs);
        }
        for (int i = 0; i < 32; i++) {
            int high = unsigned(source, start + 16 + i);
            for (int group = 0; group < 8; group++) {
                target[offset + 32 * group + i] |= (byte) ((high >> group & 1) << 4);
            }
        }
    }

    /** 128 bytes of low four bits, 64 of high two bits, 16 signed sub-block scales, the scale. */
    private static void readQ6K(MemorySegment source, long start, byte[] target, int offset) {
        for (int i = 0; i < 256; i++) {
            int part = i / 128;
            int quarter = i / 32 % 4;
            int lane = i % 32;
            int low = unsigned(source, start + 64L * part + 32L * (quarter % 2) + lane) >> (4 * (quarter / 2));
            int high = unsigned(source, start + 128 + 32L * part + lane) >> (2 * quarter);
            target[offset + i] = (byte) ((low & 15) | (high & 3) << 4);
        }
    }

    /** Sub-blocks 0 to 3 have six bits in bytes 0 to 3; 4 to 7 have four in bytes 8 to 11 and two on top of bytes 0 to 3. */
    private static int subScale(MemorySegment source, long scales, int group) {
        return group < 4
                ? unsigned(source, scales + group) & 63
                : (unsigned(source, scales + group + 4) & 15) | (unsigned(source, scales + group - 4) >> 6 << 4);
    }

    /** As {@link #subScale}, in bytes 4 to 7 and in the high halves of bytes 8 to 11. */
    private static int subMinimum(MemorySegment source, long scales, int group) {
        return group < 4
                ? unsigned(source, scales + group + 4) & 63
                : (unsigned(source, scales + group + 4) >> 4) | (unsigned(source, scales + group) >> 6 << 4);
    }

    /** The largest magnitude goes to ±127; halves are rounded away from zero. */
    private static void encodeQ80(float[] source, int offset, MemorySegment target, long start) {
        float largest = 0;
        for (int i = 0; i < 32; i++) {
            largest = Math.max(largest, Math.abs(source[offset + i]));
        }
        float scale = largest / 127;
        float inverse = scale == 0 ? 0 : 1 / scale;
        setHalf(target, start, scale);
        for (int i = 0; i < 32; i++) {
            float q = source[offset + i] * inverse;
            // In double precision, for 0.49999997f + 0.5f is 1.
            target.set(ValueLayout.JAVA_BYTE, start + 2 + i, (byte) (q + Math.copySign(0.5, (double) q)));
        }
    }

    /** The weight of the largest magnitude goes to −8, whatever its sign. */
    private static void encodeQ40(float[] source, int offset, MemorySegment target, long start) {
        float extreme = 0;
        for (int i = 0; i < 32; i++) {
            if (Math.abs(source[offset + i]) > Math.abs(extreme)) {
                extreme = source[offset + i];
            }
        }
        float scale = extreme / -8;
        float inverse = scale == 0 ? 0 : 1 / scale;
        setHalf(target, start, scale);
        for (int i = 0; i < 16; i++) {
            int low = nibble(source[offset + i], inverse, 8.5);
            int high = nibble(source[offset + i + 16], inverse, 8.5);
            target.set(ValueLayout.JAVA_BYTE, start + 2 + i, (byte) (low | high << 4));
        }
    }

    /** The range from the smallest to the largest weight in 15 steps. */
    private static void encodeQ41(float[] source, int offset, MemorySegment target, long start) {
        float minimum = Float.POSITIVE_INFINITY;
        float maximum = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < 32; i++) {
            minimum = Math.min(minimum, source[offset + i]);
            maximum = Math.max(maximum, source[offset + i]);
        }
        float scale = (maximum - minimum) / 15;
        float inverse = scale == 0 ? 0 : 1 / scale;
        setHalf(target, start, scale);
        setHalf(target, start + 2, minimum);
        for (int i = 0; i < 16; i++) {
            int low = nibble(source[offset + i] - minimum, inverse, 0.5);
            int high = nibble(source[offset + i + 16] - minimum, inverse, 0.5);
            target.set(ValueLayout.JAVA_BYTE, start + 4 + i, (byte) (low | high << 4));
        }
    }

    /** Product and sum are rounded once, as the fused multiply-add does that the reference is compiled to. */
    private static int nibble(float value, float inverse, double shift) {
        return Math.clamp((int) (float) ((double) value * inverse + shift), 0, 15);
    }

    private static float half(MemorySegment source, long offset) {
        return Float.float16ToFloat(source.get(SHORT, offset));
    }

    private static void setHalf(MemorySegment target, long offset, float value) {
        target.set(SHORT, offset, Float.floatToFloat16(value));
    }

    private static int unsigned(MemorySegment source, long offset) {
        return source.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
    }
}
