package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * The ops of a transformer that are no matrix product, over ranges of arrays: a vector loop and a scalar tail each. Kept small, so that the compiler
 * keeps every one in registers.
 */
final class RowKernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    private static final VectorShuffle<Float> BY_EIGHT = VectorShuffle.iota(SPECIES, 8, 1, true);
    private static final VectorShuffle<Float> BY_FOUR = VectorShuffle.iota(SPECIES, 4, 1, true);
    private static final VectorShuffle<Float> BY_TWO = VectorShuffle.iota(SPECIES, 2, 1, true);
    private static final VectorShuffle<Float> BY_ONE = VectorShuffle.iota(SPECIES, 1, 1, true);

    private static final float LOG2_E = 1.442695041f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    /** Adding this rounds a small float to an integer, which then stands in the low bits. */
    private static final float ROUNDING = 12582912f;

    private static final float SMALLEST_EXPONENT = -87.3f;
    private static final float LARGEST_EXPONENT = 88.7f;

    private RowKernels() {}

    /** e^x within 2 units in the last place; 0 below −87.3, where the result would be subnormal. */
    private static FloatVector exp(FloatVector x) {
        FloatVector clamped = x.min(LARGEST_EXPONENT).max(SMALLEST_EXPONENT);
        FloatVector shifted =
                clamped.fma(FloatVector.broadcast(SPECIES, LOG2_E), FloatVector.broadcast(SPECIES, ROUNDING));
        FloatVector n = shifted.sub(ROUNDING);
        FloatVector r = n.fma(FloatVector.broadcast(SPECIES, -LN2_HIGH), clamped);
        r = n.fma(FloatVector.broadcast(SPECIES, -LN2_LOW), r);
        // The Taylor series of (e^r − 1 − r) / r² on |r| ≤ ln(2) / 2, its last terms adjusted for the truncation.
        FloatVector p = FloatVector.broadcast(SPECIES, 1.9875691500e-4f);
        p = p.fma(r, FloatVector.broadcast(SPECIES, 1.3981999507e-3f));
        p = p.fma(r, FloatVector.broadcast(SPECIES, 8.3334519073e-3f));
        p = p.fma(r, FloatVector.broadcast(SPECIES, 4.1665795894e-2f));
        p = p.fma(r, FloatVector.broadcast(SPECIES, 1.6666665459e-1f));
        p = p.fma(r, FloatVector.broadcast(SPECIES, 5.0000001201e-1f));
        FloatVector e = p.fma(r.mul(r), r).add(1f);
        IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector scaled = e.reinterpretAsInts().add(exponent).reinterpretAsFloats();
        return scaled.blend(0f, x.compare(VectorOperators.LT, SMALLEST_EXPONENT));
    }

    private static FloatVector sigmoid(FloatVector x) {
        return FloatVector.broadcast(SPECIES, 1f).div(exp(x.neg()).add(1f));
    }

    private static float sigmoid(float x) {
        return (float) (1 / (1 + Math.exp(-x)));
    }

    /**
     * The sum of all lanes, halves added to each other. {@code reduceLanes} may change its order when the method is compiled, and with it the last
     * bits of a training run.
     */
    private static float sum(FloatVector x) {
        FloatVector sums = x;
        if (LANES > 8) {
            sums = sums.add(sums.rearrange(BY_EIGHT));
        }
        if (LANES > 4) {
            sums = sums.add(sums.rearrange(BY_FOUR));
        }
        if (LANES > 2) {
            sums = sums.add(sums.rearrange(BY_TWO));
        }
        if (LANES > 1) {
            sums = sums.add(sums.rearrange(BY_ONE));
        }
        return sums.lane(0);
    }

    /** y[i] += factor · x[i]. */
    static void addScaled(float factor, float[] x, int xStart, float[] y, int yStart, int count) {
        FloatVector factors = FloatVector.broadcast(SPECIES, factor);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, x, xStart + i)
                    .fma(factors, FloatVector.fromArray(SPECIES, y, yStart + i))
                    .intoArray(y, yStart + i);
        }
        for (; i < count; i++) {
            y[yStart + i] += factor * x[xStart + i];
        }
    }

    static float dot(float[] x, int xStart, float[] y, int yStart, int count) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - 2 * LANES; i += 2 * LANES) {
            a = FloatVector.fromArray(SPECIES, x, xStart + i).fma(FloatVector.fromArray(SPECIES, y, yStart + i), a);
            b = FloatVector.fromArray(SPECIES, x, xStart + i + LANES)
                    .fma(FloatVector.fromArray(SPECIES, y, yStart + i + LANES), b);
        }
        float sum = sum(a.add(b));
        for (; i < count; i++) {
            sum += x[xStart + i] * y[yStart + i];
        }
        return sum;
    }

    static float inverseRms(float[] x, int start, int count, float epsilon) {
        return (float) (1 / Math.sqrt(dot(x, start, x, start, count) / (double) count + epsilon));
    }

    /** y = x · factor · weight. */
    static void scale(float[] x, int start, float factor, float[] weight, float[] y, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, x, start + i)
                    .mul(factor)
                    .mul(FloatVector.fromArray(SPECIES, weight, i))
                    .intoArray(y, start + i);
        }
        for (; i < count; i++) {
            y[start + i] = x[start + i] * factor * weight[i];
        }
    }

    /** Σ dy · weight · x over a row. */
    static float weightedDot(float[] dy, float[] x, int start, float[] weight, int count) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            sums = FloatVector.fromArray(SPECIES, dy, start + i)
                    .mul(FloatVector.fromArray(SPECIES, weight, i))
                    .fma(FloatVector.fromArray(SPECIES, x, start + i), sums);
        }
        float sum = sum(sums);
        for (; i < count; i++) {
            sum += dy[start + i] * weight[i] * x[start + i];
        }
        return sum;
    }

    /** dx += dy · weight · inverse − shared · x, and dWeight += dy · x · inverse if it is wanted. */
    static void rmsNormGradient(
            float[] x,
            float[] dy,
            float[] dx,
            int start,
            float[] weight,
            float inverse,
            float shared,
            float[] dWeight,
            int weightStart,
            int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector value = FloatVector.fromArray(SPECIES, x, start + i);
            FloatVector g = FloatVector.fromArray(SPECIES, dy, start + i).mul(inverse);
            FloatVector d =
                    g.fma(FloatVector.fromArray(SPECIES, weight, i), FloatVector.fromArray(SPECIES, dx, start + i));
            value.fma(FloatVector.broadcast(SPECIES, -shared), d).intoArray(dx, start + i);
            if (dWeight != null) {
                g.fma(value, FloatVector.fromArray(SPECIES, dWeight, weightStart + i))
                        .intoArray(dWeight, weightStart + i);
            }
        }
        for (; i < count; i++) {
            float g = dy[start + i] * inverse;
            dx[start + i] += g * weight[i] - shared * x[start + i];
            if (dWeight != null) {
                dWeight[weightStart + i] += g * x[start + i];
            }
        }
    }

    static void swiGlu(float[] gate, float[] up, float[] y, int start, int end) {
        int i = start;
        for (; i <= end - LANES; i += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i);
            g.mul(sigmoid(g)).mul(FloatVector.fromArray(SPECIES, up, i)).intoArray(y, i);
        }
        for (; i < end; i++) {
            y[i] = gate[i] * sigmoid(gate[i]) * up[i];
        }
    }

    static void swiGluGradient(float[] gate, float[] up, float[] dy, float[] dGate, float[] dUp, int start, int end) {
        int i = start;
        for (; i <= end - LANES; i += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i);
            FloatVector s = sigmoid(g);
            FloatVector d = FloatVector.fromArray(SPECIES, dy, i);
            FloatVector silu = g.mul(s);
            d.fma(silu, FloatVector.fromArray(SPECIES, dUp, i)).intoArray(dUp, i);
            // The slope of g · s(g) is s · (1 + g · (1 − s)) = s + silu · (1 − s).
            FloatVector slope = silu.neg().fma(s, silu.add(s));
            d.mul(FloatVector.fromArray(SPECIES, up, i))
                    .fma(slope, FloatVector.fromArray(SPECIES, dGate, i))
                    .intoArray(dGate, i);
        }
        for (; i < end; i++) {
            float s = sigmoid(gate[i]);
            dUp[i] += dy[i] * gate[i] * s;
            dGate[i] += dy[i] * up[i] * s * (1 + gate[i] * (1 - s));
        }
    }

    /** Turns pairs (i, i + half) of one head. */
    static void rotateHalves(float[] x, int start, int half, float[] cosines, float[] sines, int angles, float sign) {
        int i = 0;
        for (; i <= half - LANES; i += LANES) {
            FloatVector a = FloatVector.fromArray(SPECIES, x, start + i);
            FloatVector b = FloatVector.fromArray(SPECIES, x, start + half + i);
            FloatVector c = FloatVector.fromArray(SPECIES, cosines, angles + i);
            FloatVector s = FloatVector.fromArray(SPECIES, sines, angles + i).mul(sign);
            a.mul(c).sub(b.mul(s)).intoArray(x, start + i);
            a.mul(s).add(b.mul(c)).intoArray(x, start + half + i);
        }
        for (; i < half; i++) {
            rotatePair(x, start + i, start + half + i, cosines[angles + i], sign * sines[angles + i]);
        }
    }

    static void rotatePair(float[] x, int first, int second, float cosine, float sine) {
        float a = x[first];
        float b = x[second];
        x[first] = a * cosine - b * sine;
        x[second] = a * sine + b * cosine;
    }

    static float max(float[] x, int start, int count) {
        FloatVector largest = FloatVector.broadcast(SPECIES, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            largest = largest.max(FloatVector.fromArray(SPECIES, x, start + i));
        }
        float max = largest.reduceLanes(VectorOperators.MAX);
        for (; i < count; i++) {
            max = Math.max(max, x[start + i]);
        }
        return max;
    }

    /** x = exp(x − shift) in place; returns the sum. */
    static float exponentials(float[] x, int start, int count, float shift) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector e = exp(FloatVector.fromArray(SPECIES, x, start + i).sub(shift));
            e.intoArray(x, start + i);
            sums = sums.add(e);
        }
        float sum = sum(sums);
        for (; i < count; i++) {
            x[start + i] = (float) Math.exp(x[start + i] - shift);
            sum += x[start + i];
        }
        return sum;
    }

    /** Σ exp(x − shift), x left alone. */
    static float sumOfExponentials(float[] x, int start, int count, float shift) {
        FloatVector sums = FloatVector.zero(SPECIES);
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            sums = sums.add(exp(FloatVector.fromArray(SPECIES, x, start + i).sub(shift)));
        }
        float sum = sum(sums);
        for (; i < count; i++) {
            sum += (float) Math.exp(x[start + i] - shift);
        }
        return sum;
    }

    static void multiply(float[] x, int start, int count, float factor) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, x, start + i).mul(factor).intoArray(x, start + i);
        }
        for (; i < count; i++) {
            x[start + i] *= factor;
        }
    }

    /** One AdamW update of a range; the two corrections undo the moments' start at zero. */
    static void adamW(
            float[] p,
            float[] g,
            float[] m,
            float[] v,
            int start,
            int end,
            float gradientScale,
            float beta1,
            float beta2,
            float correction1,
            float correction2,
            float epsilon,
            float learningRate,
            float weightDecay) {
        FloatVector keep1 = FloatVector.broadcast(SPECIES, beta1);
        FloatVector keep2 = FloatVector.broadcast(SPECIES, beta2);
        float decay = 1 - learningRate * weightDecay;
        int i = start;
        for (; i <= end - LANES; i += LANES) {
            FloatVector gradient = FloatVector.fromArray(SPECIES, g, i).mul(gradientScale);
            FloatVector first = FloatVector.fromArray(SPECIES, m, i).mul(keep1).add(gradient.mul(1 - beta1));
            FloatVector second = FloatVector.fromArray(SPECIES, v, i)
                    .mul(keep2)
                    .add(gradient.mul(gradient).mul(1 - beta2));
            first.intoArray(m, i);
            second.intoArray(v, i);
            FloatVector root =
                    second.mul(correction2).lanewise(VectorOperators.SQRT).add(epsilon);
            FloatVector update = first.mul(correction1 * learningRate).div(root);
            FloatVector.fromArray(SPECIES, p, i).mul(decay).sub(update).intoArray(p, i);
        }
        for (; i < end; i++) {
            float gradient = g[i] * gradientScale;
            m[i] = beta1 * m[i] + (1 - beta1) * gradient;
            v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
            float update = m[i] * correction1 / ((float) Math.sqrt(v[i] * correction2) + epsilon);
            p[i] = p[i] * decay - learningRate * update;
        }
    }
}
