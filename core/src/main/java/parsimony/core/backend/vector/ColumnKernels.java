package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.tensor.Matrix;

/**
 * A softmax down the columns of a tile of scores [keys, queries]. Queries lie side by side in the lanes, so that no sum runs across lanes. Rows are read
 * one after the other, in the order in which they lie in memory; what belongs to a column stays in the L1 cache.
 */
final class ColumnKernels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    /** Rows whose greatest are found at once. */
    private static final int ROWS = 4;

    private ColumnKernels() {}

    /** max = the greatest of each column and of what {@code max} held. */
    static void max(Matrix x, float[] max) {
        int row = 0;
        for (; row <= x.rows() - ROWS; row += ROWS) {
            maxOfRows(x.data(), x.offset() + row * x.stride(), x.stride(), x.columns(), max);
        }
        for (; row < x.rows(); row++) {
            maxOfRows(x.data(), x.offset() + row * x.stride(), 0, x.columns(), max);
        }
    }

    private static void maxOfRows(float[] x, int start, int stride, int columns, float[] max) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            int at = start + i;
            FloatVector first = greater(load(x, at), load(x, at + stride));
            FloatVector second = greater(load(x, at + 2 * stride), load(x, at + 3 * stride));
            greater(load(max, i), greater(first, second)).intoArray(max, i);
        }
        for (; i < columns; i++) {
            int at = start + i;
            float first = Math.max(x[at], x[at + stride]);
            float second = Math.max(x[at + 2 * stride], x[at + 3 * stride]);
            max[i] = Math.max(max[i], Math.max(first, second));
        }
    }

    /** Unlike {@link FloatVector#max} this is two instructions; it keeps {@code a} where one of the two is NaN. */
    private static FloatVector greater(FloatVector a, FloatVector b) {
        return a.blend(b, b.compare(VectorOperators.GT, a));
    }

    /** correction = exp(correction − max), sum *= correction. */
    static void correct(int columns, float[] max, float[] sum, float[] correction) {
        for (int i = 0; i < columns; i += LANES) {
            VectorMask<Float> there = SPECIES.indexInRange(i, columns);
            FloatVector old = FloatVector.fromArray(SPECIES, correction, i, there);
            FloatVector factor = VectorMath.expOfNonPositive(old.sub(FloatVector.fromArray(SPECIES, max, i, there)));
            factor.intoArray(correction, i, there);
            FloatVector.fromArray(SPECIES, sum, i, there).mul(factor).intoArray(sum, i, there);
        }
    }

    /** x = exp(x − max), sum += x. */
    static void exponentials(Matrix x, float[] max, float[] sum) {
        for (int row = 0; row < x.rows(); row++) {
            exponentials(x.data(), x.offset() + row * x.stride(), x.columns(), max, sum);
        }
    }

    private static void exponentials(float[] x, int start, int columns, float[] max, float[] sum) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = VectorMath.expOfNonPositive(load(x, start + i).sub(load(max, i)));
            p.intoArray(x, start + i);
            load(sum, i).add(p).intoArray(sum, i);
        }
        if (i < columns) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, columns);
            FloatVector p = VectorMath.expOfNonPositive(FloatVector.fromArray(SPECIES, x, start + i, rest)
                    .sub(FloatVector.fromArray(SPECIES, max, i, rest)));
            p.intoArray(x, start + i, rest);
            FloatVector.fromArray(SPECIES, sum, i, rest).add(p).intoArray(sum, i, rest);
        }
    }

    /** x = exp(x − logSumExp), dx = x · (dx − delta). */
    static void softmaxGradient(Matrix x, float[] logSumExp, Matrix dx, float[] delta) {
        for (int row = 0; row < x.rows(); row++) {
            softmaxGradient(
                    x.data(),
                    x.offset() + row * x.stride(),
                    x.columns(),
                    logSumExp,
                    dx.data(),
                    dx.offset() + row * dx.stride(),
                    delta);
        }
    }

    private static void softmaxGradient(
            float[] x, int start, int columns, float[] logSumExp, float[] dx, int dStart, float[] delta) {
        int i = 0;
        for (; i <= columns - LANES; i += LANES) {
            FloatVector p = VectorMath.expOfNonPositive(load(x, start + i).sub(load(logSumExp, i)));
            p.intoArray(x, start + i);
            load(dx, dStart + i).sub(load(delta, i)).mul(p).intoArray(dx, dStart + i);
        }
        if (i < columns) {
            VectorMask<Float> rest = SPECIES.indexInRange(i, columns);
            FloatVector p = VectorMath.expOfNonPositive(FloatVector.fromArray(SPECIES, x, start + i, rest)
                    .sub(FloatVector.fromArray(SPECIES, logSumExp, i, rest)));
            p.intoArray(x, start + i, rest);
            FloatVector.fromArray(SPECIES, dx, dStart + i, rest)
                    .sub(FloatVector.fromArray(SPECIES, delta, i, rest))
                    .mul(p)
                    .intoArray(dx, dStart + i, rest);
        }
    }

    private static FloatVector load(float[] array, int index) {
        return FloatVector.fromArray(SPECIES, array, index);
    }
}
