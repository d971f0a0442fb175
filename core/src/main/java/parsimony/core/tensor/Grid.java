package parsimony.core.tensor;

/**
 * Evenly spaced numbers that contain zero: x ≈ scale · (code − zeroPoint), code from 0 to 2^bits − 1 (Jacob et
 * al., 2018, Eq. 1), fitted to a group of weights as GPTQ's quantizer does it (Frantar et al., 2023).
 *
 * <p>One deviation: GPTQ's symmetric grid spans both sides only if the group holds a negative weight, and clips
 * the larger half of a group that holds none. Ours always spans both sides; groups without negative weights are
 * rare in dense matrices and common in pruned ones.
 *
 * @param bits 2 to 8
 * @param scale distance of two neighbours, positive and finite
 * @param zeroPoint the code of 0
 */
public record Grid(int bits, float scale, int zeroPoint) {
    /**
     * The grid that just covers {@code count} weights from {@code offset} on and zero. A group of zeros gets [−1, 1].
     *
     * @param symmetric whether 0 stands in the middle, at code 2^(bits − 1), so that no zero point need be stored
     * @param scaleType the format in which the scale will be kept: codes must be found with the scale that is
     *     left after rounding
     */
    public static Grid fit(float[] weights, int offset, int count, int bits, boolean symmetric, DataType scaleType) {
        float minimum = 0;
        float maximum = 0;
        for (int i = offset; i < offset + count; i++) {
            minimum = Math.min(minimum, weights[i]);
            maximum = Math.max(maximum, weights[i]);
        }
        if (minimum == 0 && maximum == 0) {
            minimum = -1;
            maximum = 1;
        }
        if (symmetric) {
            maximum = Math.max(-minimum, maximum);
            minimum = -maximum;
        }
        return between(minimum, maximum, bits, symmetric, scaleType);
    }

    /**
     * Of the grid of {@link #fit} and those that cover 99 %, 98 % … 21 % of its range, the one that leaves the least Σ |w − q|^2.4; weights
     * outside are clipped.
     */
    public static Grid fitLeastError(
            float[] weights, int offset, int count, int bits, boolean symmetric, DataType scaleType) {
        Grid best = fit(weights, offset, count, bits, symmetric, scaleType);
        float minimum = best.value(0);
        float maximum = best.value((1 << bits) - 1);
        double least = best.error(weights, offset, count);
        for (int percent = 99; percent > 20; percent--) {
            float share = percent / 100f;
            Grid grid = between(share * minimum, share * maximum, bits, symmetric, scaleType);
            double error = grid.error(weights, offset, count);
            if (error < least) {
                least = error;
                best = grid;
            }
        }
        return best;
    }

    /** A grid whose scale is the number of {@code scaleType} that is nearest to {@code scale}. */
    public static Grid of(int bits, double scale, int zeroPoint, DataType scaleType) {
        return new Grid(bits, scaleType.roundPositive((float) scale), zeroPoint);
    }

    private static Grid between(float minimum, float maximum, int bits, boolean symmetric, DataType scaleType) {
        int largestCode = (1 << bits) - 1;
        float scale = scaleType.roundPositive((maximum - minimum) / largestCode);
        if (symmetric) {
            return new Grid(bits, scale, (largestCode + 1) / 2);
        }
        double zeroPoint = Math.rint(-minimum / scale);
        return new Grid(bits, scale, (int) Math.clamp(zeroPoint, 0.0, largestCode));
    }

    private double error(float[] weights, int offset, int count) {
        double sum = 0;
        for (int i = offset; i < offset + count; i++) {
            sum += Math.pow(Math.abs(round(weights[i]) - weights[i]), 2.4);
        }
        return sum;
    }

    /**
     * The grid whose points are (maximum − minimum) / (2^bits − 1) apart, with 0 at the code nearest to where it lies between the two:
     * it spans both if 0 does lie between them, otherwise it begins or ends at 0 and may not reach them (AWQ's grid).
     */
    public static Grid between(float minimum, float maximum, int bits, DataType scaleType) {
        int largestCode = (1 << bits) - 1;
        // In a group that was clipped on both sides 0 and both ends lie midway between two codes, where the noise of
        // rounding would choose. So the scale is rounded down and the zero point found without it.
        double span = (double) maximum - minimum;
        float step = (float) (span / largestCode);
        float scale = scaleType.roundPositive(step > span / largestCode ? Math.nextDown(step) : step);
        double zeroPoint = Math.rint(-(double) minimum * largestCode / span);
        return new Grid(bits, scale, (int) Math.clamp(zeroPoint, 0.0, largestCode));
    }

    /**
     * The grid with 0 at code 2^(bits − 1) and {@code magnitude} at the largest code: scale = magnitude / (2^(bits − 1) − 1), as the
     * factors of an integer product have it.
     */
    public static Grid ofMagnitude(float magnitude, int bits, DataType scaleType) {
        int middle = 1 << (bits - 1);
        return new Grid(bits, scaleType.roundPositive(magnitude / (middle - 1)), middle);
    }

    /** The code of the nearest grid point, halves to even. */
    public int code(float x) {
        return (int) Math.clamp(Math.rint(x / scale) + zeroPoint, 0.0, (1 << bits) - 1);
    }

    /** The number that {@code code} stands for. */
    public float value(int code) {
        return scale * (code - zeroPoint);
    }

    /** The nearest grid point. */
    public float round(float x) {
        return value(code(x));
    }
}
