package parsimony.core.tensor;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Sixteen levels from −1 to 1 that a weight is one of, times a scale. */
public enum Codebook {
    /**
     * 4-bit NormalFloat: levels at the quantiles of a normal distribution, half of them below zero and half above, zero itself among them (Dettmers et al., QLoRA, 2023,
     * Section 3 and Appendix E).
     */
    NF4(
            -1.0f,
            -0.6961928009986877f,
            -0.5250730514526367f,
            -0.39491748809814453f,
            -0.28444138169288635f,
            -0.18477343022823334f,
            -0.09105003625154495f,
            0.0f,
            0.07958029955625534f,
            0.16093020141124725f,
            0.24611230194568634f,
            0.33791524171829224f,
            0.44070982933044434f,
            0.5626170039176941f,
            0.7229568362236023f,
            1.0f),
    /** A 4-bit float of sign, two bits of exponent and one of mantissa, scaled to 1; the levels in the order of their bits. */
    FP4(
            0.0f,
            0.0052083334885537624f,
            0.6666666865348816f,
            1.0f,
            0.3333333432674408f,
            0.5f,
            0.1666666716337204f,
            0.25f,
            0.0f,
            -0.0052083334885537624f,
            -0.6666666865348816f,
            -1.0f,
            -0.3333333432674408f,
            -0.5f,
            -0.1666666716337204f,
            -0.25f);

    private final float[] levels;
    private final int[] ascending;
    private final float[] bounds;

    Codebook(float... levels) {
        this.levels = levels;
        ascending = IntStream.range(0, levels.length)
                .boxed()
                .sorted((a, b) -> Double.compare(levels[a], levels[b]))
                .mapToInt(Integer::intValue)
                .toArray();
        float[] sorted = new float[levels.length];
        for (int i = 0; i < sorted.length; i++) {
            sorted[i] = levels[ascending[i]];
        }
        bounds = bounds(sorted);
    }

    /** The level of a code, 0 to 15. */
    public float level(int code) {
        return levels[code];
    }

    /** The code of the level next to {@code value}; of two at the same distance that of the lower one. */
    public int nearest(float value) {
        return ascending[place(bounds, value)];
    }

    /** The middles between neighbouring levels, which ascend. */
    static float[] bounds(float[] sorted) {
        float[] bounds = new float[sorted.length - 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = (sorted[i] + sorted[i + 1]) / 2;
        }
        return bounds;
    }

    /** How many bounds lie below a value. */
    static int place(float[] bounds, float value) {
        int low = 0;
        int high = bounds.length;
        while (low < high) {
            int middle = (low + high) / 2;
            if (bounds[middle] < value) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * The 256 signed levels of 8 bits that lie closer the smaller they are: seven decades, each cut into twice as many parts as the one below it (Dettmers, 8-Bit
     * Approximations for Parallelism in Deep Learning, 2016), to the last bit as bitsandbytes makes them.
     */
    static float[] dynamicLevels() {
        float[] levels = new float[256];
        int count = 0;
        for (int decade = 0; decade < 7; decade++) {
            float power = (float) Math.pow(10, decade - 6);
            float[] bounds = evenlySpaced((1 << decade) + 1);
            for (int i = 1; i < bounds.length; i++) {
                float middle = power * ((bounds[i - 1] + bounds[i]) / 2);
                levels[count++] = middle;
                levels[count++] = -middle;
            }
        }
        levels[count++] = 0;
        levels[count] = 1;
        Arrays.sort(levels);
        return levels;
    }

    /**
     * {@code count} numbers from 0.1 to 1, rounded as PyTorch's linspace rounds on eight lanes: counted from the nearer end, and within two runs of eight from the first of each.
     */
    private static float[] evenlySpaced(int count) {
        float[] numbers = new float[count];
        float step = (1f - 0.1f) / (count - 1);
        int inRuns = count / 16 * 16;
        for (int i = 0; i < count; i++) {
            int first = i < inRuns ? i / 8 * 8 : i;
            float start = first < count / 2 ? Math.fma(step, first, 0.1f) : Math.fma(-step, count - 1f - first, 1f);
            numbers[i] = start + (i - first) * step;
        }
        return numbers;
    }
}
