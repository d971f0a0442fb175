package parsimony.core.backend.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * Elementary functions and sums over ranges of arrays, several lanes at a time.
 *
 * <p>Sums add in an order that depends on the number of elements and of lanes alone. {@code reduceLanes} is not used for
 * them because it leaves the order open: interpreted and compiled code may give different bits.
 */
final class VectorMath {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    private static final VectorShuffle<Float> SWAP_8 = VectorShuffle.fromOp(SPECIES, lane -> lane ^ (8 % LANES));
    private static final VectorShuffle<Float> SWAP_4 = VectorShuffle.fromOp(SPECIES, lane -> lane ^ (4 % LANES));
    private static final VectorShuffle<Float> SWAP_2 = VectorShuffle.fromOp(SPECIES, lane -> lane ^ (2 % LANES));
    private static final VectorShuffle<Float> SWAP_1 = VectorShuffle.fromOp(SPECIES, lane -> lane ^ (1 % LANES));

    /** Beyond these the result is 0 or infinity whatever the argument. */
    private static final float EXP_LEAST = -110;

    private static final float EXP_GREATEST = 90;

    static final float LOG2_E = 1.44269504f;
    /** ln 2 in two parts, of which the first has so few digits that its multiples are exact. */
    static final float LN2_HIGH = 0.693359375f;

    static final float LN2_LOW = -2.12194440e-4f;
    /** Adding this number rounds to an integer, which then stands in the low bits of the sum. */
    static final float ROUNDER = 0x1.8p23f;

    private static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);

    // (eʳ - 1 - r) / r² for |r| ≤ ln 2 / 2, fitted for the least relative error of eʳ, which is 3.1e-9.
    static final float C2 = 0.49999994f;
    static final float C3 = 0.16666521f;
    static final float C4 = 0.04166839f;
    static final float C5 = 0.0083687454f;
    static final float C6 = 0.0013814541f;

    private VectorMath() {}

    /** The exponential function of each lane: 2ⁿ · eʳ with x = n ln 2 + r. NaN gives NaN. */
    static FloatVector exp(FloatVector x) {
        FloatVector bounded = x.max(EXP_LEAST).min(EXP_GREATEST);
        FloatVector shifted =
                bounded.fma(FloatVector.broadcast(SPECIES, LOG2_E), FloatVector.broadcast(SPECIES, ROUNDER));
        FloatVector n = shifted.sub(ROUNDER);
        FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -LN2_HIGH), bounded);
        r = n.fma(FloatVector.broadcast(SPECIES, -LN2_LOW), r);
        FloatVector p = r.fma(FloatVector.broadcast(SPECIES, C6), FloatVector.broadcast(SPECIES, C5));
        p = p.fma(r, FloatVector.broadcast(SPECIES, C4));
        p = p.fma(r, FloatVector.broadcast(SPECIES, C3));
        p = p.fma(r, FloatVector.broadcast(SPECIES, C2));
        p = p.fma(r.mul(r), r).add(1);
        // Two factors, so that neither leaves the range of exponents where the result is subnormal or infinite.
        IntVector exponent = shifted.reinterpretAsInts().sub(ROUNDER_BITS);
        IntVector half = exponent.lanewise(VectorOperators.ASHR, 1);
        return p.mul(powerOfTwo(half)).mul(powerOfTwo(exponent.sub(half)));
    }

    private static FloatVector powerOfTwo(IntVector exponent) {
        return exponent.add(127).lanewise(VectorOperators.LSHL, 23).reinterpretAsFloats();
    }

    /** The sum of the lanes, in a fixed order. */
    static float sum(FloatVector v) {
        FloatVector folded = v;
        if (LANES >= 16) {
            folded = folded.add(folded.rearrange(SWAP_8));
        }
        if (LANES >= 8) {
            folded = folded.add(folded.rearrange(SWAP_4));
        }
        if (LANES >= 4) {
            folded = folded.add(folded.rearrange(SWAP_2));
        }
        if (LANES >= 2) {
            folded = folded.add(folded.rearrange(SWAP_1));
        }
        return folded.lane(0);
    }

    /** 1 / (1 + exp(-x)) of each lane. */
    static FloatVector sigmoid(FloatVector x) {
        return FloatVector.broadcast(SPECIES, 1).div(exp(x.neg()).add(1));
    }

    /** Σ x. */
    static float sum(float[] x, int offset, int count) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            sums = sums.add(load(x, offset + i));
        }
        float sum = sum(sums);
        for (; i < count; i++) {
            sum += x[offset + i];
        }
        return sum;
    }

    /** Σ a·b. */
    static float dot(float[] a, int aOffset, float[] b, int bOffset, int count) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int i = 0;
        for (; i <= count - 4 * LANES; i += 4 * LANES) {
            sum0 = load(a, aOffset + i).fma(load(b, bOffset + i), sum0);
            sum1 = load(a, aOffset + i + LANES).fma(load(b, bOffset + i + LANES), sum1);
            sum2 = load(a, aOffset + i + 2 * LANES).fma(load(b, bOffset + i + 2 * LANES), sum2);
            sum3 = load(a, aOffset + i + 3 * LANES).fma(load(b, bOffset + i + 3 * LANES), sum3);
        }
        for (; i <= count - LANES; i += LANES) {
            sum0 = load(a, aOffset + i).fma(load(b, bOffset + i), sum0);
        }
        float sum = sum(sum0.add(sum1).add(sum2.add(sum3)));
        for (; i < count; i++) {
            sum = Math.fma(a[aOffset + i], b[bOffset + i], sum);
        }
        return sum;
    }

    /** y += factor · x. */
    static void addScaled(float factor, float[] x, int xOffset, float[] y, int yOffset, int count) {
        FloatVector factors = FloatVector.broadcast(SPECIES, factor);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            load(x, xOffset + i).fma(factors, load(y, yOffset + i)).intoArray(y, yOffset + i);
        }
        for (; i < count; i++) {
            y[yOffset + i] = Math.fma(x[xOffset + i], factor, y[yOffset + i]);
        }
    }

    /** x *= factor. */
    static void scale(float factor, float[] x, int offset, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            load(x, offset + i).mul(factor).intoArray(x, offset + i);
        }
        for (; i < count; i++) {
            x[offset + i] *= factor;
        }
    }

    /** The greatest value; negative infinity if there are none, NaN if there is one among them. */
    static float max(float[] x, int offset, int count) {
        FloatVector greatest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            greatest = greatest.max(load(x, offset + i));
        }
        float max = greatest.reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            max = Math.max(max, x[offset + i]);
        }
        return max;
    }

    /**
     * x = exp(x) / Σ exp(x), in place. Values of negative infinity become 0; if all are, all become 0.
     *
     * @return log Σ exp(x)
     */
    static float softmax(float[] x, int offset, int count) {
        float max = max(x, offset, count);
        if (max == Float.NEGATIVE_INFINITY) {
            Arrays.fill(x, offset, offset + count, 0);
            return max;
        }
        float sum = exponentials(x, offset, count, max);
        scale(1 / sum, x, offset, count);
        return max + (float) Math.log(sum);
    }

    /** x = exp(x - subtrahend), in place; returns the sum of the results, to the bit what {@link #sumOfExponentials} gives. */
    static float exponentials(float[] x, int offset, int count, float subtrahend) {
        FloatVector total = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector value = exp(load(x, offset + i).sub(subtrahend));
            value.intoArray(x, offset + i);
            total = total.add(value);
        }
        if (i < count) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, count);
            FloatVector value =
                    exp(FloatVector.fromArray(SPECIES, x, offset + i, rest).sub(subtrahend));
            value.intoArray(x, offset + i, rest);
            total = total.add(value, rest);
        }
        return sum(total);
    }

    /** Σ exp(x - subtrahend). */
    static float sumOfExponentials(float[] x, int offset, int count, float subtrahend) {
        FloatVector total = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            total = total.add(exp(load(x, offset + i).sub(subtrahend)));
        }
        if (i < count) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, count);
            FloatVector value =
                    exp(FloatVector.fromArray(SPECIES, x, offset + i, rest).sub(subtrahend));
            total = total.add(value, rest);
        }
        return sum(total);
    }

    private static FloatVector load(float[] array, int index) {
        return FloatVector.fromArray(SPECIES, array, index);
    }
}
