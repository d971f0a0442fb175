package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.tensor.Matrix;

/**
 * A softmax down the columns of a tile of scores [keys, queries]. Queries lie side by side in the lanes, so that no sum runs across lanes. Rows are read
 * one after the other, in the order in which they lie in memory; what belongs to a column stays in the L1 cache.
 *
 * <p>The loops over vectors are written out for many rows, for two reasons. What belongs to a column is read less often; and a method of more than 325 bytes
 * is never inlined, where within a large one that has used up its budget for inlining vectors would become objects.
 */
final class ColumnKernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    /** Rows of which the greatest are found at once. */
    private static final int MAX_ROWS = 12;
    /** Rows whose gradients are computed at once. */
    private static final int GRADIENT_ROWS = 8;
    /** ln 2⁻¹²⁵: from here on down a result would come near the subnormal numbers. */
    private static final float EXP_NORMAL = -86.6434f;

    private ColumnKernels() {}

    /** max = the greatest of each column and of what {@code max} held. */
    static void max(Matrix x, float[] max) {
        int last = x.offset() + (x.rows() - 1) * x.stride();
        for (int row = 0; row < x.rows(); row += MAX_ROWS) {
            max(x.data(), x.offset() + (row - 1) * x.stride(), last, x.stride(), x.columns(), max);
        }
        for (int row = 0; row < x.rows(); row++) {
            for (int i = SPECIES.loopBound(x.columns()); i < x.columns(); i++) {
                max[i] = Math.max(max[i], x.get(row, i));
            }
        }
    }

    /** Rows after {@code before} up to {@code last}, which is read again where there are too few; NaN is passed over. */
    private static void max(float[] x, int before, int last, int stride, int columns, float[] max) {
        for (int i = 0; i <= columns - LANES; i += LANES) {
            FloatVector greatest = FloatVector.fromArray(SPECIES, max, i);
            FloatVector row;
            int at = before;
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            at = Math.min(at + stride, last);
            row = FloatVector.fromArray(SPECIES, x, at + i);
            greatest = greatest.blend(row, row.compare(VectorOperators.GT, greatest));
            greatest.intoArray(max, i);
        }
    }

    /** sum = sum · factor. */
    static void multiply(float[] factor, float[] sum, int count) {
        for (int i = 0; i < count; i++) {
            sum[i] *= factor[i];
        }
    }

    /** dx = x · (dx − delta). */
    static void softmaxGradient(Matrix x, Matrix dx, float[] delta) {
        if (x.stride() != dx.stride()) {
            throw new IllegalArgumentException("tiles of different strides, " + x.stride() + " and " + dx.stride());
        }
        int last = x.offset() + (x.rows() - 1) * x.stride();
        for (int row = 0; row < x.rows(); row += GRADIENT_ROWS) {
            int first = x.offset() + row * x.stride();
            softmaxGradient(x.data(), first, last, dx.data(), dx.offset() - x.offset(), x.stride(), x.columns(), delta);
        }
        for (int row = 0; row < x.rows(); row++) {
            for (int i = SPECIES.loopBound(x.columns()); i < x.columns(); i++) {
                int at = dx.offset() + row * dx.stride() + i;
                dx.data()[at] = x.get(row, i) * (dx.data()[at] - delta[i]);
            }
        }
    }

    /** Rows from {@code first} up to {@code last}, which is taken again where there are too few: all are read before one is written. */
    private static void softmaxGradient(
            float[] x, int first, int last, float[] dx, int shift, int stride, int columns, float[] delta) {
        int x0 = first;
        int x1 = Math.min(x0 + stride, last);
        int x2 = Math.min(x1 + stride, last);
        int x3 = Math.min(x2 + stride, last);
        int x4 = Math.min(x3 + stride, last);
        int x5 = Math.min(x4 + stride, last);
        int x6 = Math.min(x5 + stride, last);
        int x7 = Math.min(x6 + stride, last);
        for (int i = 0; i <= columns - LANES; i += LANES) {
            FloatVector column = FloatVector.fromArray(SPECIES, delta, i);
            FloatVector d0 = FloatVector.fromArray(SPECIES, dx, x0 + shift + i).sub(column);
            d0 = d0.mul(FloatVector.fromArray(SPECIES, x, x0 + i));
            FloatVector d1 = FloatVector.fromArray(SPECIES, dx, x1 + shift + i).sub(column);
            d1 = d1.mul(FloatVector.fromArray(SPECIES, x, x1 + i));
            FloatVector d2 = FloatVector.fromArray(SPECIES, dx, x2 + shift + i).sub(column);
            d2 = d2.mul(FloatVector.fromArray(SPECIES, x, x2 + i));
            FloatVector d3 = FloatVector.fromArray(SPECIES, dx, x3 + shift + i).sub(column);
            d3 = d3.mul(FloatVector.fromArray(SPECIES, x, x3 + i));
            FloatVector d4 = FloatVector.fromArray(SPECIES, dx, x4 + shift + i).sub(column);
            d4 = d4.mul(FloatVector.fromArray(SPECIES, x, x4 + i));
            FloatVector d5 = FloatVector.fromArray(SPECIES, dx, x5 + shift + i).sub(column);
            d5 = d5.mul(FloatVector.fromArray(SPECIES, x, x5 + i));
            FloatVector d6 = FloatVector.fromArray(SPECIES, dx, x6 + shift + i).sub(column);
            d6 = d6.mul(FloatVector.fromArray(SPECIES, x, x6 + i));
            FloatVector d7 = FloatVector.fromArray(SPECIES, dx, x7 + shift + i).sub(column);
            d7 = d7.mul(FloatVector.fromArray(SPECIES, x, x7 + i));
            d0.intoArray(dx, x0 + shift + i);
            d1.intoArray(dx, x1 + shift + i);
            d2.intoArray(dx, x2 + shift + i);
            d3.intoArray(dx, x3 + shift + i);
            d4.intoArray(dx, x4 + shift + i);
            d5.intoArray(dx, x5 + shift + i);
            d6.intoArray(dx, x6 + shift + i);
            d7.intoArray(dx, x7 + shift + i);
        }
    }

    /**
     * x = exp(x − shift) of each column, where that is not much greater than 1, with results below 2⁻¹²⁵ taken for 0; sum += x. NaN gives NaN.
     *
     * @param sum may be null
     */
    static void exponentials(Matrix x, float[] shift, float[] sum) {
        for (int row = 0; row < x.rows(); row += 2) {
            int first = x.offset() + row * x.stride();
            // Where one row is left it is taken for both: it is read twice before it is written.
            int second = row + 1 < x.rows() ? first + x.stride() : first;
            exponentials(x.data(), first, second, x.columns(), shift, sum);
            for (int i = SPECIES.loopBound(x.columns()); i < x.columns(); i++) {
                float p = exponential(x.data()[first + i], shift[i]);
                float other = exponential(x.data()[second + i], shift[i]);
                x.data()[first + i] = p;
                x.data()[second + i] = other;
                if (sum != null) {
                    sum[i] += second == first ? p : p + other;
                }
            }
        }
    }

    private static float exponential(float x, float shift) {
        return x - shift <= EXP_NORMAL ? 0 : (float) Math.exp((double) x - shift);
    }

    /** Two rows, as {@link VectorMath#exp} computes them but without its care for results at the ends of the range. */
    private static void exponentials(float[] x, int first, int second, int columns, float[] shift, float[] sum) {
        float countSecond = second == first ? 0 : 1;
        FloatVector log2e = FloatVector.broadcast(SPECIES, VectorMath.LOG2_E);
        FloatVector rounder = FloatVector.broadcast(SPECIES, VectorMath.ROUNDER);
        FloatVector high = FloatVector.broadcast(SPECIES, -VectorMath.LN2_HIGH);
        FloatVector low = FloatVector.broadcast(SPECIES, -VectorMath.LN2_LOW);
        FloatVector c5 = FloatVector.broadcast(SPECIES, VectorMath.C5);
        FloatVector c4 = FloatVector.broadcast(SPECIES, VectorMath.C4);
        FloatVector c3 = FloatVector.broadcast(SPECIES, VectorMath.C3);
        FloatVector c2 = FloatVector.broadcast(SPECIES, VectorMath.C2);
        for (int i = 0; i <= columns - LANES; i += LANES) {
            FloatVector column = FloatVector.fromArray(SPECIES, shift, i);
            FloatVector x0 = FloatVector.fromArray(SPECIES, x, first + i).sub(column);
            FloatVector x1 = FloatVector.fromArray(SPECIES, x, second + i).sub(column);
            FloatVector shifted0 = x0.fma(log2e, rounder);
            FloatVector shifted1 = x1.fma(log2e, rounder);
            FloatVector n0 = shifted0.sub(rounder);
            FloatVector n1 = shifted1.sub(rounder);
            FloatVector r0 = n0.fma(low, n0.fma(high, x0));
            FloatVector r1 = n1.fma(low, n1.fma(high, x1));
            FloatVector p0 = r0.mul(VectorMath.C6).add(c5);
            FloatVector p1 = r1.mul(VectorMath.C6).add(c5);
            p0 = p0.fma(r0, c4).fma(r0, c3).fma(r0, c2);
            p1 = p1.fma(r1, c4).fma(r1, c3).fma(r1, c2);
            p0 = p0.fma(r0.mul(r0), r0).add(1);
            p1 = p1.fma(r1.mul(r1), r1).add(1);
            // The rounder's own bits are shifted out; what is left is 2ⁿ without the exponent's bias.
            FloatVector power0 = shifted0.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 23)
                    .add(127 << 23)
                    .reinterpretAsFloats();
            FloatVector power1 = shifted1.reinterpretAsInts()
                    .lanewise(VectorOperators.LSHL, 23)
                    .add(127 << 23)
                    .reinterpretAsFloats();
            p0 = p0.mul(power0).blend(0, x0.compare(VectorOperators.LE, EXP_NORMAL));
            p1 = p1.mul(power1).blend(0, x1.compare(VectorOperators.LE, EXP_NORMAL));
            p0.intoArray(x, first + i);
            p1.intoArray(x, second + i);
            if (sum != null) {
                FloatVector.fromArray(SPECIES, sum, i)
                        .add(p1.mul(countSecond).add(p0))
                        .intoArray(sum, i);
            }
        }
    }
}
