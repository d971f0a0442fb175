package parsimony.core.backend.vector;

/**
 * The right factor op(B) `[k, n]` of a product, which is packed block by block. A packed block of {@code columns} columns
 * and {@code steps} rows is a sequence of panels `[steps, WIDTH]`.
 */
abstract sealed class RightOperand {
    /** Floats that are packed at a time, for all threads: a part of the L3 cache. */
    private static final int BLOCK_FLOATS = 1 << 20;
    /** The same for operands that can only be decoded by whole rows and would otherwise have to be cut too small. */
    private static final int DECODED_BLOCK_FLOATS = 1 << 22;

    /** Columns of a block; all blocks but the last have as many. A multiple of a panel's width or no less than n. */
    abstract int columnsAtOnce(int n, int k);

    /** Rows of a block; all blocks but the last have as many. A multiple of {@link Gemm#DEPTH} or no less than k. */
    abstract int stepsAtOnce(int n, int k);

    /** Into how many tasks the packing of a block is divided. */
    int packTasks(int columns, int steps) {
        return Gemm.ceilDivide(columns, MicroKernel.WIDTH);
    }

    /** Does one of the tasks of packing columns [column, column + columns) and rows [step, step + steps). */
    abstract void pack(int task, int column, int columns, int step, int steps, float[] target);

    /** An array; {@code transposed} if it holds B `[n, k]`. */
    static final class Dense extends RightOperand {
        private final boolean transposed;
        private final float[] array;
        private final int offset;
        private final int ld;

        Dense(boolean transposed, float[] array, int offset, int ld) {
            this.transposed = transposed;
            this.array = array;
            this.offset = offset;
            this.ld = ld;
        }

        @Override
        int columnsAtOnce(int n, int k) {
            return Math.min(n, BLOCK_FLOATS / Gemm.DEPTH);
        }

        @Override
        int stepsAtOnce(int n, int k) {
            int columns = Gemm.roundUp(columnsAtOnce(n, k), MicroKernel.WIDTH);
            return BLOCK_FLOATS / columns / Gemm.DEPTH * Gemm.DEPTH;
        }

        @Override
        void pack(int task, int column, int columns, int step, int steps, float[] target) {
            int first = task * MicroKernel.WIDTH;
            int count = Math.min(MicroKernel.WIDTH, columns - first);
            if (transposed) {
                int from = offset + (column + first) * ld + step;
                Panels.packTransposed(array, from, ld, count, steps, target, first * steps, MicroKernel.WIDTH);
            } else {
                int from = offset + step * ld + column + first;
                Panels.pack(array, from, ld, count, steps, target, first * steps, MicroKernel.WIDTH);
            }
        }
    }

    /** The transpose of a matrix W `[n, k]` that is decoded row by row: a block holds all k steps. */
    static final class DecodedTransposed extends RightOperand {
        private final RowDecoder rows;

        DecodedTransposed(RowDecoder rows) {
            this.rows = rows;
        }

        @Override
        int columnsAtOnce(int n, int k) {
            int panels = Math.max(1, DECODED_BLOCK_FLOATS / MicroKernel.WIDTH / k);
            return Math.min(n, panels * MicroKernel.WIDTH);
        }

        @Override
        int stepsAtOnce(int n, int k) {
            return k;
        }

        @Override
        void pack(int task, int column, int columns, int step, int steps, float[] target) {
            int first = task * MicroKernel.WIDTH;
            int count = Math.min(MicroKernel.WIDTH, columns - first);
            float[] decoded = Scratch.get().rows(count * steps);
            for (int i = 0; i < count; i++) {
                rows.decodeRow(column + first + i, decoded, i * steps);
            }
            Panels.packTransposed(decoded, 0, steps, count, steps, target, first * steps, MicroKernel.WIDTH);
        }
    }

    /** A matrix W `[k, n]` that is decoded row by row: a block holds all n columns. */
    static final class Decoded extends RightOperand {
        private static final int ROWS_PER_TASK = 16;

        private final RowDecoder rows;

        Decoded(RowDecoder rows) {
            this.rows = rows;
        }

        @Override
        int columnsAtOnce(int n, int k) {
            return n;
        }

        @Override
        int stepsAtOnce(int n, int k) {
            int columns = Gemm.roundUp(n, MicroKernel.WIDTH);
            return Math.max(1, DECODED_BLOCK_FLOATS / columns / Gemm.DEPTH) * Gemm.DEPTH;
        }

        @Override
        int packTasks(int columns, int steps) {
            return Gemm.ceilDivide(steps, ROWS_PER_TASK);
        }

        @Override
        void pack(int task, int column, int columns, int step, int steps, float[] target) {
            int firstRow = task * ROWS_PER_TASK;
            int count = Math.min(ROWS_PER_TASK, steps - firstRow);
            float[] decoded = Scratch.get().rows(count * columns);
            for (int i = 0; i < count; i++) {
                rows.decodeRow(step + firstRow + i, decoded, i * columns);
            }
            for (int first = 0; first < columns; first += MicroKernel.WIDTH) {
                int width = Math.min(MicroKernel.WIDTH, columns - first);
                int to = first * steps + firstRow * MicroKernel.WIDTH;
                Panels.pack(decoded, first, columns, width, count, target, to, MicroKernel.WIDTH);
            }
        }
    }
}
