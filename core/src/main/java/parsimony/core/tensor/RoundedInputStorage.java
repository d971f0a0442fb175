package parsimony.core.tensor;

import java.util.OptionalLong;

/**
 * Weights whose input is rounded to integers at run time, so that both factors of the product are: x ≈ scale · code with
 * code from −(2^(bits − 1) − 1) to 2^(bits − 1) − 1 (LLM.int8, SmoothQuant).
 *
 * @param weights [out, in]
 * @param bits of a code, 2 to 16
 * @param range whose largest magnitude becomes the largest code
 * @param scale the distance of two codes if {@code range} is {@link Range#FIXED}, otherwise 0
 * @param threshold numbers of at least this magnitude stay as they are and do not count for the scale; infinite to
 *     round all
 */
public record RoundedInputStorage(WeightStorage weights, int bits, Range range, float scale, float threshold)
        implements WeightStorage {
    /** What shares a scale. */
    public enum Range {
        /** Each row of the input, found as it arrives. */
        TOKEN,
        /** All rows of a pass, found as they arrive: the result of a row depends on the rows beside it. */
        TENSOR,
        /** All inputs there will ever be: a scale that was found before. */
        FIXED
    }

    public RoundedInputStorage {
        if (bits < 2 || bits > 16) {
            throw new IllegalArgumentException("a code has 2 to 16 bits, not " + bits);
        }
        boolean positive = scale > 0 && Float.isFinite(scale);
        if (range == Range.FIXED ? !positive : scale != 0) {
            throw new IllegalArgumentException("a scale of " + scale + " where the range is that of " + range);
        }
        if (!(threshold > 0)) {
            throw new IllegalArgumentException("the threshold must be above 0, not " + threshold);
        }
    }

    /**
     * The numbers that are multiplied in place of {@code x} [n, in].
     *
     * @return a new tensor
     */
    public Tensor round(Tensor x) {
        Tensor rounded = x.copy();
        float[] values = rounded.array();
        int width = range == Range.TOKEN ? x.columns() : x.size();
        for (int start = 0; width > 0 && start < values.length; start += width) {
            round(values, start, start + width);
        }
        return rounded;
    }

    private void round(float[] values, int start, int end) {
        int largestCode = (1 << (bits - 1)) - 1;
        float largest = 0;
        for (int i = start; i < end; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        boolean all = largest < threshold;
        float step = range == Range.FIXED
                ? scale
                : (all ? largest : largestBelowThreshold(values, start, end)) / largestCode;
        if (step == 0) {
            return;
        }
        if (all) {
            // Nothing here but what the compiler turns into vector instructions.
            for (int i = start; i < end; i++) {
                values[i] = step * nearest(values[i] / step, largestCode);
            }
        } else {
            for (int i = start; i < end; i++) {
                if (Math.abs(values[i]) < threshold) {
                    values[i] = step * nearest(values[i] / step, largestCode);
                }
            }
        }
    }

    /** The nearest code, halves to even: next to 1.5 · 2²³ floats have no fractions. */
    private static float nearest(float x, float largestCode) {
        return Math.max(-largestCode, Math.min(largestCode, x)) + 0x1.8p23f - 0x1.8p23f;
    }

    private float largestBelowThreshold(float[] values, int start, int end) {
        float largest = 0;
        for (int i = start; i < end; i++) {
            float magnitude = Math.abs(values[i]);
            if (magnitude < threshold) {
                largest = Math.max(largest, magnitude);
            }
        }
        return largest;
    }

    @Override
    public int rows() {
        return weights.rows();
    }

    @Override
    public int columns() {
        return weights.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        weights.decodeRow(row, target, offset);
    }

    @Override
    public long bytes() {
        return weights.bytes();
    }

    @Override
    public boolean isSparse() {
        return weights.isSparse();
    }

    @Override
    public boolean roundsInput() {
        return true;
    }

    @Override
    public OptionalLong outliers() {
        return weights.outliers();
    }

    @Override
    public String format() {
        return weights.format() + " × int" + bits;
    }
}
