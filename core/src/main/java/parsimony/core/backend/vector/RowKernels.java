package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The parts of a transformer that are no matrix product, over ranges of arrays: a vector loop and a tail each. Kept small, so that the compiler keeps
 * every one in registers.
 */
final class RowKernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    private RowKernels() {}

    static float inverseRms(float[] x, int start, int count, float epsilon) {
        return (float) (1 / Math.sqrt(VectorMath.dot(x, start, x, start, count) / (double) count + epsilon));
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

    /** sums += a · b, elementwise. */
    static void addProduct(float[] a, int aStart, float[] b, int bStart, float[] sums, int sumsStart, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            FloatVector.fromArray(SPECIES, a, aStart + i)
                    .fma(
                            FloatVector.fromArray(SPECIES, b, bStart + i),
                            FloatVector.fromArray(SPECIES, sums, sumsStart + i))
                    .intoArray(sums, sumsStart + i);
        }
        for (; i < count; i++) {
            sums[sumsStart + i] += a[aStart + i] * b[bStart + i];
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
        float sum = VectorMath.sum(sums);
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

    /** y = gate · sigmoid(gate) · up. */
    static void swiGlu(float[] gate, float[] up, float[] y, int start, int end) {
        int i = start;
        for (; i <= end - LANES; i += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i);
            swiGlu(g, FloatVector.fromArray(SPECIES, up, i)).intoArray(y, i);
        }
        if (i < end) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, end);
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i, rest);
            swiGlu(g, FloatVector.fromArray(SPECIES, up, i, rest)).intoArray(y, i, rest);
        }
    }

    private static FloatVector swiGlu(FloatVector gate, FloatVector up) {
        return gate.mul(VectorMath.sigmoid(gate)).mul(up);
    }

    /** Adds the gradients of {@link #swiGlu}. */
    static void swiGluGradient(float[] gate, float[] up, float[] dy, float[] dGate, float[] dUp, int start, int end) {
        int i = start;
        for (; i <= end - LANES; i += LANES) {
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i);
            FloatVector s = VectorMath.sigmoid(g);
            FloatVector d = FloatVector.fromArray(SPECIES, dy, i);
            d.fma(g.mul(s), FloatVector.fromArray(SPECIES, dUp, i)).intoArray(dUp, i);
            d.mul(FloatVector.fromArray(SPECIES, up, i))
                    .fma(siluSlope(g, s), FloatVector.fromArray(SPECIES, dGate, i))
                    .intoArray(dGate, i);
        }
        if (i < end) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, end);
            FloatVector g = FloatVector.fromArray(SPECIES, gate, i, rest);
            FloatVector s = VectorMath.sigmoid(g);
            FloatVector d = FloatVector.fromArray(SPECIES, dy, i, rest);
            d.fma(g.mul(s), FloatVector.fromArray(SPECIES, dUp, i, rest)).intoArray(dUp, i, rest);
            d.mul(FloatVector.fromArray(SPECIES, up, i, rest))
                    .fma(siluSlope(g, s), FloatVector.fromArray(SPECIES, dGate, i, rest))
                    .intoArray(dGate, i, rest);
        }
    }

    /** The slope of g · s(g), which is s · (1 + g · (1 − s)) = s + silu · (1 − s). */
    private static FloatVector siluSlope(FloatVector gate, FloatVector sigmoid) {
        FloatVector silu = gate.mul(sigmoid);
        return silu.fma(sigmoid.neg().add(1), sigmoid);
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
