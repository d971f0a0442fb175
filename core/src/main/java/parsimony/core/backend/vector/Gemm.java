package parsimony.core.backend.vector;

import java.util.Arrays;
import java.util.Objects;
import java.util.function.IntConsumer;
import parsimony.core.backend.Parallel;

/**
 * Single-precision matrix products in the manner of BLIS: both operands are repacked into panels that a register-tiled
 * kernel reads front to back, in blocks that fit the caches.
 *
 * <p>Matrices are row-major ranges of arrays: element (i, j) of a matrix with leading dimension {@code ld} is at
 * {@code offset + i * ld + j}.
 *
 * <p>Every element of C is a chain of fused multiply-adds over blocks of {@value #DEPTH} steps of the inner dimension,
 * the blocks added in order. Neither the number of threads nor the sizes of the other two dimensions change that, so the
 * same row times the same matrix gives the same bits in every batch.
 *
 * <p>Thread-safe. A product that is computed inside a task of the same {@link Parallel} runs on that task's thread.
 */
public final class Gemm {
    /** Steps of the inner dimension that a tile stays in registers for: a panel of B then fills the L1 cache. */
    static final int DEPTH = 256;
    /** Rows of A that a thread packs at a time: with {@link #DEPTH} columns, a part of the L2 cache. */
    private static final int ROWS = 144;
    /**
     * Rows of A that are multiplied with a decoded panel: with {@link #DEPTH} columns, a part of the L2 cache, and so many
     * that decoding takes little beside multiplying.
     */
    private static final int DECODED_ROWS = 576;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 20;

    private final Parallel parallel;

    /** Products are computed on the threads of {@code parallel}. */
    public Gemm(Parallel parallel) {
        this.parallel = Objects.requireNonNull(parallel, "parallel");
    }

    /**
     * Computes C `[m, n]` = op(A) · op(B), or adds that to C, where op(X) is X or its transpose.
     *
     * @param transposeA whether A is stored as `[k, m]` rather than `[m, k]`
     * @param transposeB whether B is stored as `[n, k]` rather than `[k, n]`
     * @param accumulate whether the product is added to C; if not, C is overwritten
     * @throws IllegalArgumentException if a size is negative or a leading dimension is less than its matrix's columns
     * @throws IndexOutOfBoundsException if a matrix does not lie within its array
     */
    public void multiply(
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            float[] a,
            int aOffset,
            int lda,
            float[] b,
            int bOffset,
            int ldb,
            boolean accumulate,
            float[] c,
            int cOffset,
            int ldc) {
        checkMatrix("A", transposeA ? k : m, transposeA ? m : k, a, aOffset, lda);
        checkMatrix("B", transposeB ? n : k, transposeB ? k : n, b, bOffset, ldb);
        checkMatrix("C", m, n, c, cOffset, ldc);
        new Product(transposeA, m, n, k, a, aOffset, lda, accumulate, c, cOffset, ldc)
                .compute(new RightOperand.Dense(transposeB, b, bOffset, ldb));
    }

    /**
     * Computes C `[m, n]` = A · op(W), or adds that to C, where A is `[m, k]` and the rows of W come from a decoder. Each
     * row is decoded once.
     *
     * @param transposeW whether W is `[n, k]` rather than `[k, n]`: true for a layer's output X · Wᵀ, false for the
     *     gradient of its input, dY · W
     * @param accumulate whether the product is added to C; if not, C is overwritten
     * @throws IllegalArgumentException if a size is negative or a leading dimension is less than its matrix's columns
     * @throws IndexOutOfBoundsException if a matrix does not lie within its array
     */
    public void multiply(
            boolean transposeW,
            int m,
            int n,
            int k,
            float[] a,
            int aOffset,
            int lda,
            RowDecoder w,
            boolean accumulate,
            float[] c,
            int cOffset,
            int ldc) {
        checkMatrix("A", m, k, a, aOffset, lda);
        checkMatrix("C", m, n, c, cOffset, ldc);
        if (n < 0) {
            throw new IllegalArgumentException("matrix W has " + n + (transposeW ? " rows" : " columns"));
        }
        new Product(false, m, n, k, a, aOffset, lda, accumulate, c, cOffset, ldc)
                .compute(transposeW ? new RightOperand.DecodedTransposed(w) : new RightOperand.Decoded(w));
    }

    /**
     * Computes C `[m, n]` = A · Wᵀ, where A is `[m, k]` and W `[n, k]` is decoded in parts that stay in the L1 cache while
     * they are multiplied with.
     *
     * @throws IllegalArgumentException if a size is negative
     * @throws IndexOutOfBoundsException if a matrix does not lie within its array
     */
    void multiply(int m, int n, int k, float[] a, int lda, PanelDecoder w, float[] c, int ldc) {
        checkMatrix("A", m, k, a, 0, lda);
        checkMatrix("C", m, n, c, 0, ldc);
        Product product = new Product(false, m, n, k, a, 0, lda, false, c, 0, ldc);
        for (int from = 0; from < m; from += DECODED_ROWS) {
            product.multiplyDecoded(w, from, Math.min(m, from + DECODED_ROWS));
        }
    }

    /** Gives parts of a matrix W `[n, k]` in the panels that {@link MicroKernel} reads. */
    @FunctionalInterface
    interface PanelDecoder {
        /** Columns that may be written at either side of a panel. */
        int MARGIN = 16;

        /**
         * Writes a panel `[columns, WIDTH]`; what it holds of rows that are not there does not matter. It may also write {@link #MARGIN}
         * columns before and behind.
         *
         * @param firstRow a multiple of {@link MicroKernel#WIDTH}
         */
        void decode(int firstRow, int firstColumn, int columns, float[] panel, int panelOffset);
    }

    private static void checkMatrix(String name, int rows, int columns, float[] array, int offset, int ld) {
        if (rows < 0 || columns < 0 || ld < columns) {
            throw new IllegalArgumentException(
                    "matrix " + name + " has " + rows + " rows, " + columns + " columns and leading dimension " + ld);
        }
        if (rows > 0 && columns > 0) {
            long size = (rows - 1L) * ld + columns;
            if (offset < 0 || size > array.length - offset) {
                throw new IndexOutOfBoundsException("matrix " + name + " of " + size + " floats from " + offset
                        + " does not lie within an array of " + array.length);
            }
        }
    }

    /** One call of {@link #multiply}. */
    private final class Product {
        private final boolean transposeA;
        private final int m;
        private final int n;
        private final int k;
        private final float[] a;
        private final int aOffset;
        private final int lda;
        private final boolean accumulate;
        private final float[] c;
        private final int cOffset;
        private final int ldc;

        Product(
                boolean transposeA,
                int m,
                int n,
                int k,
                float[] a,
                int aOffset,
                int lda,
                boolean accumulate,
                float[] c,
                int cOffset,
                int ldc) {
            this.transposeA = transposeA;
            this.m = m;
            this.n = n;
            this.k = k;
            this.a = a;
            this.aOffset = aOffset;
            this.lda = lda;
            this.accumulate = accumulate;
            this.c = c;
            this.cOffset = cOffset;
            this.ldc = ldc;
        }

        void compute(RightOperand b) {
            if (k == 0 && !accumulate) {
                for (int i = 0; i < m; i++) {
                    Arrays.fill(c, cOffset + i * ldc, cOffset + i * ldc + n, 0);
                }
            }
            if (m == 0 || n == 0 || k == 0) {
                return;
            }
            int columnsAtOnce = b.columnsAtOnce(n, k);
            int stepsAtOnce = b.stepsAtOnce(n, k);
            for (int column = 0; column < n; column += columnsAtOnce) {
                int columns = Math.min(columnsAtOnce, n - column);
                for (int step = 0; step < k; step += stepsAtOnce) {
                    multiplyBlock(b, column, columns, step, Math.min(stepsAtOnce, k - step));
                }
            }
        }

        /** Packs a block of op(B), then multiplies all of op(A)'s rows with it. */
        private void multiplyBlock(RightOperand b, int column, int columns, int step, int steps) {
            int columnPanels = ceilDivide(columns, MicroKernel.WIDTH);
            float[] packedB = Scratch.get().right(columnPanels * MicroKernel.WIDTH * steps);
            boolean inParallel = (long) m * columns * steps >= PARALLEL_WORK;
            run(inParallel, b.packTasks(columns, steps), task -> b.pack(task, column, columns, step, steps, packedB));

            int threads = inParallel ? parallel.threads() : 1;
            int rowPanels = ceilDivide(m, MicroKernel.HEIGHT);
            int rowTasks = Math.min(rowPanels, roundUp(ceilDivide(rowPanels, ROWS / MicroKernel.HEIGHT), threads));
            int columnTasks = Math.min(columnPanels, ceilDivide(threads, rowTasks));
            run(inParallel, rowTasks * columnTasks, task -> {
                int rowTask = task / columnTasks;
                int columnTask = task % columnTasks;
                multiplyPart(
                        share(rowPanels, rowTask, rowTasks) * MicroKernel.HEIGHT,
                        Math.min(m, share(rowPanels, rowTask + 1, rowTasks) * MicroKernel.HEIGHT),
                        share(columnPanels, columnTask, columnTasks) * MicroKernel.WIDTH,
                        Math.min(columns, share(columnPanels, columnTask + 1, columnTasks) * MicroKernel.WIDTH),
                        packedB,
                        column,
                        step,
                        steps);
            });
        }

        private void run(boolean inParallel, int tasks, IntConsumer task) {
            if (inParallel) {
                parallel.run(tasks, task);
            } else {
                for (int i = 0; i < tasks; i++) {
                    task.accept(i);
                }
            }
        }

        /** Multiplies some rows of op(A) with the columns [firstColumn, lastColumn) of a packed block of op(B). */
        private void multiplyPart(
                int from, int to, int firstColumn, int lastColumn, float[] packedB, int column, int step, int steps) {
            Scratch scratch = Scratch.get();
            float[] packedA = scratch.left(roundUp(to - from, MicroKernel.HEIGHT) * Math.min(DEPTH, steps));
            for (int done = 0; done < steps; done += DEPTH) {
                int depth = Math.min(DEPTH, steps - done);
                packA(from, to, step + done, depth, packedA, 0);
                boolean add = accumulate || step + done > 0;
                for (int first = firstColumn; first < lastColumn; first += MicroKernel.WIDTH) {
                    int width = Math.min(MicroKernel.WIDTH, lastColumn - first);
                    int bAt = first * steps + done * MicroKernel.WIDTH;
                    multiplyPanel(from, to, depth, packedA, 0, packedB, bAt, add, column + first, width, scratch.tile);
                }
            }
        }

        /** Multiplies rows [from, to) of A with all of W. */
        void multiplyDecoded(PanelDecoder w, int from, int to) {
            boolean inParallel = (long) (to - from) * n * k >= PARALLEL_WORK;
            int rows = roundUp(to - from, MicroKernel.HEIGHT);
            float[] packedA = Scratch.get().left(rows * k);
            int chunks = ceilDivide(k, DEPTH);
            run(inParallel, chunks, chunk -> {
                int step = chunk * DEPTH;
                packA(from, to, step, Math.min(DEPTH, k - step), packedA, step * rows);
            });
            int panels = ceilDivide(n, MicroKernel.WIDTH);
            int tasks = inParallel ? Math.min(panels, parallel.threads() * Matvec.TASKS_PER_THREAD) : 1;
            run(inParallel, tasks, task -> {
                Scratch scratch = Scratch.get();
                int panelAt = PanelDecoder.MARGIN * MicroKernel.WIDTH;
                float[] panel = scratch.right(DEPTH * MicroKernel.WIDTH + 2 * panelAt);
                int first = share(panels, task, tasks) * MicroKernel.WIDTH;
                int last = Math.min(n, share(panels, task + 1, tasks) * MicroKernel.WIDTH);
                for (int step = 0; step < k; step += DEPTH) {
                    int depth = Math.min(DEPTH, k - step);
                    for (int column = first; column < last; column += MicroKernel.WIDTH) {
                        int width = Math.min(MicroKernel.WIDTH, last - column);
                        w.decode(column, step, depth, panel, panelAt);
                        multiplyPanel(
                                from,
                                to,
                                depth,
                                packedA,
                                step * rows,
                                panel,
                                panelAt,
                                step > 0,
                                column,
                                width,
                                scratch.tile);
                    }
                }
            });
        }

        private void packA(int from, int to, int step, int depth, float[] packed, int packedAt) {
            for (int row = from; row < to; row += MicroKernel.HEIGHT) {
                int height = MicroKernel.height(to - row);
                int rows = Math.min(height, to - row);
                int at = packedAt + (row - from) * depth;
                if (transposeA) {
                    Panels.pack(a, aOffset + step * lda + row, lda, rows, depth, packed, at, height);
                } else {
                    Panels.packTransposed(a, aOffset + row * lda + step, lda, rows, depth, packed, at, height);
                }
            }
        }

        /** Multiplies the packed rows of A with one panel of B. */
        private void multiplyPanel(
                int from,
                int to,
                int depth,
                float[] packedA,
                int packedAt,
                float[] packedB,
                int bAt,
                boolean add,
                int column,
                int width,
                float[] tile) {
            for (int row = from; row < to; row += MicroKernel.HEIGHT) {
                int height = MicroKernel.height(to - row);
                int rows = Math.min(height, to - row);
                int aAt = packedAt + (row - from) * depth;
                int cAt = cOffset + row * ldc + column;
                if (rows == height && width == MicroKernel.WIDTH) {
                    if (!add) {
                        MicroKernel.clear(height, c, cAt, ldc);
                    }
                    MicroKernel.multiply(height, depth, packedA, aAt, packedB, bAt, c, cAt, ldc);
                } else {
                    MicroKernel.clear(height, tile, 0, MicroKernel.WIDTH);
                    MicroKernel.multiply(height, depth, packedA, aAt, packedB, bAt, tile, 0, MicroKernel.WIDTH);
                    copyTile(tile, rows, width, add, cAt);
                }
            }
        }

        private void copyTile(float[] tile, int rows, int width, boolean add, int cAt) {
            for (int i = 0; i < rows; i++) {
                int source = i * MicroKernel.WIDTH;
                int target = cAt + i * ldc;
                if (add) {
                    for (int j = 0; j < width; j++) {
                        c[target + j] += tile[source + j];
                    }
                } else {
                    System.arraycopy(tile, source, c, target, width);
                }
            }
        }
    }

    static int ceilDivide(int x, int y) {
        return (x + y - 1) / y;
    }

    static int roundUp(int x, int multiple) {
        return ceilDivide(x, multiple) * multiple;
    }

    /** Where part {@code index} of {@code parts} nearly equal parts of {@code total} begins. */
    static int share(int total, int index, int parts) {
        return (int) ((long) total * index / parts);
    }
}
