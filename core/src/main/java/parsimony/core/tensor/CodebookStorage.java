package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Weights that are each one of sixteen levels, times the largest magnitude of their block: w = level[code] · absmax[block] (Dettmers et al., QLoRA, 2023, Eq. 1 and 2, as
 * bitsandbytes keeps it). Blocks run through the rows one after the other; a block may reach over the end of a row. With double quantization the magnitudes are kept as 8-bit codes
 * themselves: their mean is taken off, and blocks of 256 of them share a scale (Section 3).
 *
 * @param rows outputs
 * @param columns inputs
 * @param codebook the levels
 * @param blockSize weights that share a magnitude
 * @param codes two a byte, the earlier in the upper half
 * @param magnitudes of the blocks: a float each, or with double quantization a byte each
 * @param nested scales of the magnitudes' own blocks, then their offset; null without double quantization
 */
public record CodebookStorage(
        int rows,
        int columns,
        Codebook codebook,
        int blockSize,
        MemorySegment codes,
        MemorySegment magnitudes,
        float[] nested)
        implements WeightStorage {
    private static final float[] DYNAMIC_LEVELS = Codebook.dynamicLevels();
    private static final float[] DYNAMIC_BOUNDS = Codebook.bounds(DYNAMIC_LEVELS);
    private static final int NESTED_BLOCK = 256;

    /**
     * Rounds weights to the nearest level.
     *
     * @param weights [out, in]
     * @param blockSize weights that share a magnitude, at least 2 and even
     * @param doubleQuantization whether the magnitudes are quantized too
     */
    public static CodebookStorage of(
            WeightStorage weights, Codebook codebook, int blockSize, boolean doubleQuantization) {
        float[] values = weights.decode().array();
        int blocks = Math.ceilDiv(values.length, blockSize);
        MemorySegment codes = NativeMemory.allocate(Math.ceilDiv(values.length, 2));
        float[] absmax = new float[blocks];
        for (int block = 0; block < blocks; block++) {
            int end = Math.min(values.length, (block + 1) * blockSize);
            absmax[block] = largest(values, block * blockSize, end);
            for (int i = block * blockSize; i < end; i++) {
                int code = codebook.nearest(scaled(values[i], absmax[block]));
                int before = Byte.toUnsignedInt(codes.get(ValueLayout.JAVA_BYTE, i / 2));
                codes.set(ValueLayout.JAVA_BYTE, i / 2, (byte) (before | code << (i % 2 == 0 ? 4 : 0)));
            }
        }
        if (!doubleQuantization) {
            MemorySegment magnitudes = NativeMemory.allocate((long) blocks * Float.BYTES);
            MemorySegment.copy(absmax, 0, magnitudes, ValueLayout.JAVA_FLOAT, 0, blocks);
            return new CodebookStorage(weights.rows(), weights.columns(), codebook, blockSize, codes, magnitudes, null);
        }
        MemorySegment magnitudes = NativeMemory.allocate(blocks);
        float[] nested = nest(absmax, magnitudes);
        return new CodebookStorage(weights.rows(), weights.columns(), codebook, blockSize, codes, magnitudes, nested);
    }

    /** Writes the codes of the magnitudes and gives their scales, then their mean. */
    private static float[] nest(float[] absmax, MemorySegment codes) {
        double sum = 0;
        for (float value : absmax) {
            sum += value;
        }
        float offset = (float) (sum / absmax.length);
        float[] nested = new float[Math.ceilDiv(absmax.length, NESTED_BLOCK) + 1];
        nested[nested.length - 1] = offset;
        float[] centred = new float[absmax.length];
        for (int i = 0; i < absmax.length; i++) {
            centred[i] = absmax[i] - offset;
        }
        for (int block = 0; block < nested.length - 1; block++) {
            int end = Math.min(absmax.length, (block + 1) * NESTED_BLOCK);
            nested[block] = largest(centred, block * NESTED_BLOCK, end);
            for (int i = block * NESTED_BLOCK; i < end; i++) {
                int code = Codebook.place(DYNAMIC_BOUNDS, scaled(centred[i], nested[block]));
                codes.set(ValueLayout.JAVA_BYTE, i, (byte) code);
            }
        }
        return nested;
    }

    private static float largest(float[] values, int start, int end) {
        float largest = 0;
        for (int i = start; i < end; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        return largest;
    }

    private static float scaled(float value, float largest) {
        return largest == 0 ? 0 : value / largest;
    }

    /** The magnitude of a block, as decoding uses it. */
    public float magnitude(int block) {
        if (nested == null) {
            return magnitudes.get(ValueLayout.JAVA_FLOAT, (long) block * Float.BYTES);
        }
        int code = Byte.toUnsignedInt(magnitudes.get(ValueLayout.JAVA_BYTE, block));
        return DYNAMIC_LEVELS[code] * nested[block / NESTED_BLOCK] + nested[nested.length - 1];
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        int first = row * columns;
        for (int i = first; i < first + columns; ) {
            int block = i / blockSize;
            int end = Math.min(first + columns, (block + 1) * blockSize);
            float magnitude = magnitude(block);
            for (; i < end; i++) {
                int pair = Byte.toUnsignedInt(codes.get(ValueLayout.JAVA_BYTE, i / 2));
                target[offset + i - first] = codebook.level(i % 2 == 0 ? pair >> 4 : pair & 15) * magnitude;
            }
        }
    }

    @Override
    public long bytes() {
        return codes.byteSize() + magnitudes.byteSize() + (nested == null ? 0 : (long) Float.BYTES * nested.length);
    }

    @Override
    public String format() {
        return codebook.name().toLowerCase(Locale.ROOT) + " b" + blockSize + (nested == null ? "" : " double");
    }
}
