package parsimony.core.technique;

import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * Optimal brain compression, one input after the other (Frantar et al., 2023, Alg. 1): a weight is replaced, by a number of a grid or by zero,
 * and what that changes in the outputs is made good by the weights of its row that are still free, w −= (w − q) / U_jj · U_j,after, where
 * H⁻¹ = Uᵀ · U. Within a block of inputs each row is updated at once and alone, so that rows run side by side; the inputs after the block are
 * updated when it is done, by one matrix product.
 */
public final class ErrorCompensation {
    private final Tensor weights;
    private final Tensor inverseFactor;
    private final Backend backend;

    /** What becomes of a weight. Rows are asked in any order and by several threads, the columns of a row from left to right. */
    public interface Rule {
        /** Called before columns {@code first … end − 1} of any row are replaced, when all before them are and all updates are made. */
        default void beginBlock(int first, int end) {}

        /**
         * Called before a column is replaced in a band of rows {@code firstRow … endRow − 1}, when all columns before it are. Within the block, the
         * weights of this band have had their updates.
         */
        default void beginColumn(int column, int firstRow, int endRow) {}

        /** What stands in place of {@code weight}. */
        float replace(int row, int column, float weight);
    }

    /**
     * @param weights [out, in], changed in place
     * @param inverseFactor U [in, in] of {@link DampedHessian#inverseFactor}, of inputs in the same order
     */
    public ErrorCompensation(Tensor weights, Tensor inverseFactor, Backend backend) {
        this.weights = weights;
        this.inverseFactor = inverseFactor;
        this.backend = backend;
    }

    /** @throws IllegalArgumentException if blocks cannot be of {@code blockSize} inputs */
    public static void checkBlockSize(int blockSize) {
        if (blockSize < 1) {
            throw new IllegalArgumentException("blockSize must be at least 1, not " + blockSize);
        }
    }

    /**
     * Replaces the first {@code columns} weights of each row; those after them take up errors and are never replaced.
     *
     * @param blockSize columns of a block
     * @param band rows that {@link Rule#beginColumn} is told of together
     */
    public void run(int columns, int blockSize, int band, Rule rule) {
        int rows = weights.rows();
        int total = weights.columns();
        for (int block = 0; block < columns; block += blockSize) {
            int first = block;
            int end = Math.min(first + blockSize, columns);
            rule.beginBlock(first, end);
            Tensor errors = Tensor.zeros(rows, end - first);
            backend.parallel(Math.ceilDiv(rows, band), index -> {
                int firstRow = index * band;
                int endRow = Math.min(firstRow + band, rows);
                for (int column = first; column < end; column++) {
                    rule.beginColumn(column, firstRow, endRow);
                    for (int row = firstRow; row < endRow; row++) {
                        replace(row, column, end, rule, errors, column - first);
                    }
                }
            });
            if (end < total) {
                Matrix after = inverseFactor.matrix().rows(first, end - first).columns(end, total - end);
                backend.multiply(
                        errors.matrix(), false, after, false, weights.matrix().columns(end, total - end), true);
            }
        }
    }

    private void replace(int row, int column, int end, Rule rule, Tensor errors, int index) {
        int total = weights.columns();
        float[] w = weights.array();
        int position = row * total + column;
        float replaced = rule.replace(row, column, w[position]);
        float error = (replaced - w[position]) / inverseFactor.array()[column * total + column];
        errors.array()[row * errors.columns() + index] = error;
        w[position] = replaced;
        if (error != 0) {
            addScaled(error, inverseFactor.array(), column * total + column + 1, w, position + 1, end - column - 1);
        }
    }

    private static void addScaled(float factor, float[] x, int from, float[] y, int to, int count) {
        for (int i = 0; i < count; i++) {
            y[to + i] += factor * x[from + i];
        }
    }
}
