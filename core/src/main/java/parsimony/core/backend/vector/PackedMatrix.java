package parsimony.core.backend.vector;

import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.Tensor;

/**
 * Weights of few bits, repacked in strips of {@link PackedKernel#ROWS} rows as {@link Packer} describes, so that {@link PackedKernel} reads them front
 * to back. Codes keep their width if it is 2, 4 or 8 bits and otherwise get the next of these; scales that are half precision stay so. Rows that fill
 * up the last strips have scale 0, columns that fill up a word are multiplied by 0.
 *
 * <p>A few inputs are multiplied with the codes as they stream by; for more, {@link Gemm} asks for decoded panels. The inputs are floats in both cases,
 * and never rounded. An output's bits depend neither on the number of threads nor, up to {@link Matvec#VECTORS_AT_MOST}, on the batch.
 */
final class PackedMatrix implements PreparedMatrix {
    /** Strips come in pairs, which together are as wide as a panel. */
    private static final int ROWS = MicroKernel.WIDTH;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 17;

    private final AffineGroups storage;
    private final Parallel parallel;
    private final Gemm gemm;
    private final PackedKernel kernel;
    private final int groups;
    private final int groupColumns;
    private final boolean hasOffsets;
    private final int offsetsStart;
    private final int pairInts;
    private final int[] data;

    PackedMatrix(AffineGroups storage, Parallel parallel, Gemm gemm) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        Packer packer = new Packer(storage, parallel);
        kernel = packer.kernel();
        groups = storage.groups();
        groupColumns = kernel.groupColumns();
        hasOffsets = packer.hasOffsets();
        offsetsStart = kernel.codeInts() + kernel.scaleInts();
        pairInts = offsetsStart + (hasOffsets ? PackedKernel.STRIDE * groups : 0);
        int pairs = Gemm.ceilDivide(storage.rows(), ROWS);
        data = new int[Math.multiplyExact(pairs, pairInts)];
        parallel.run(pairs, pair -> {
            for (int row = pair * ROWS; row < Math.min(storage.rows(), (pair + 1) * ROWS); row++) {
                packer.pack(row, kernel, data, strip(row));
            }
        });
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        int batch = x.rows();
        if (batch > Matvec.VECTORS_AT_MOST) {
            int out = storage.rows();
            int in = storage.columns();
            gemm.multiply(batch, out, in, x.array(), in, this::decodePanel, y.array(), out);
            return;
        }
        float[] padded = padded(x.array(), batch);
        float[] sums = hasOffsets ? groupSums(padded, batch) : null;
        float[] inputs = interleaved(padded, batch);
        int pairs = Gemm.ceilDivide(storage.rows(), ROWS);
        if ((long) storage.rows() * storage.columns() * batch < PARALLEL_WORK) {
            multiplyPairs(0, pairs, batch, inputs, sums, y.array());
            return;
        }
        int tasks = Math.min(pairs, parallel.threads() * Matvec.TASKS_PER_THREAD);
        parallel.run(
                tasks,
                task -> multiplyPairs(
                        Gemm.share(pairs, task, tasks),
                        Gemm.share(pairs, task + 1, tasks),
                        batch,
                        inputs,
                        sums,
                        y.array()));
    }

    /** Where the strip of a row begins. */
    private int strip(int row) {
        return row / ROWS * pairInts + row % ROWS / PackedKernel.ROWS * PackedKernel.ROWS;
    }

    /** The inputs with every group filled up to whole words; the inputs themselves where the groups are so already. */
    private float[] padded(float[] x, int batch) {
        int in = storage.columns();
        int groupSize = storage.groupSize();
        int stride = groups * groupColumns;
        if (stride == in) {
            return x;
        }
        float[] padded = Scratch.get().inputs(batch * stride);
        Arrays.fill(padded, 0, batch * stride, 0);
        for (int vector = 0; vector < batch; vector++) {
            for (int group = 0; group < groups; group++) {
                int first = group * groupSize;
                int to = vector * stride + group * groupColumns;
                System.arraycopy(x, vector * in + first, padded, to, Math.min(groupSize, in - first));
            }
        }
        return padded;
    }

    /** Inputs that will be multiplied {@link PackedKernel#VECTORS} at a time are put side by side, number by number. */
    private float[] interleaved(float[] x, int batch) {
        int whole = batch / PackedKernel.VECTORS * PackedKernel.VECTORS;
        if (whole == 0) {
            return x;
        }
        int in = groups * groupColumns;
        float[] interleaved = Scratch.get().interleaved(batch * in);
        for (int vector = 0; vector < whole; vector++) {
            int to = (vector - vector % PackedKernel.VECTORS) * in + vector % PackedKernel.VECTORS;
            for (int i = 0; i < in; i++, to += PackedKernel.VECTORS) {
                interleaved[to] = x[vector * in + i];
            }
        }
        System.arraycopy(x, whole * in, interleaved, whole * in, (batch - whole) * in);
        return interleaved;
    }

    private float[] groupSums(float[] inputs, int batch) {
        float[] sums = Scratch.get().inputSums(batch * groups);
        for (int i = 0; i < batch * groups; i++) {
            sums[i] = VectorMath.sum(inputs, i * groupColumns, groupColumns);
        }
        return sums;
    }

    private void multiplyPairs(int first, int last, int batch, float[] inputs, float[] sums, float[] y) {
        int out = storage.rows();
        for (int pair = first; pair < last; pair++) {
            int row = pair * ROWS;
            if (row + ROWS <= out) {
                multiplyPair(pair, batch, inputs, sums, y, row, out);
            } else {
                float[] tile = Scratch.get().tile;
                multiplyPair(pair, batch, inputs, sums, tile, 0, ROWS);
                for (int vector = 0; vector < batch; vector++) {
                    System.arraycopy(tile, vector * ROWS, y, vector * out + row, out - row);
                }
            }
        }
    }

    private void multiplyPair(int pair, int batch, float[] inputs, float[] sums, float[] y, int yOffset, int yStride) {
        int first = pair * pairInts;
        int second = first + PackedKernel.ROWS;
        int xStride = groups * groupColumns;
        int vector = 0;
        for (; vector + PackedKernel.VECTORS <= batch; vector += PackedKernel.VECTORS) {
            int at = yOffset + vector * yStride;
            kernel.multiplyFour(data, first, inputs, vector * xStride, y, at, yStride);
            kernel.multiplyFour(data, second, inputs, vector * xStride, y, at + PackedKernel.ROWS, yStride);
        }
        for (; vector < batch; vector++) {
            kernel.multiply(data, first, inputs, vector * xStride, y, yOffset + vector * yStride);
        }
        if (sums != null) {
            for (vector = 0; vector < batch; vector++) {
                int at = yOffset + vector * yStride;
                kernel.addOffsets(data, first + offsetsStart, sums, vector * groups, y, at);
                kernel.addOffsets(data, second + offsetsStart, sums, vector * groups, y, at + PackedKernel.ROWS);
            }
        }
    }

    /** A panel, with up to a word's columns before and behind it, for words are decoded whole. */
    private void decodePanel(int firstRow, int firstColumn, int columns, float[] panel, int panelOffset) {
        int groupSize = storage.groupSize();
        int codes = groupColumns / kernel.wordsPerGroup();
        for (int row = firstRow; row < firstRow + ROWS; row += PackedKernel.ROWS) {
            int strip = strip(row);
            int offsets = hasOffsets ? strip + offsetsStart : -1;
            int column = firstColumn;
            while (column < firstColumn + columns) {
                int group = column / groupSize;
                int inGroup = column - group * groupSize;
                int end = Math.min(firstColumn + columns, (group + 1) * groupSize) - group * groupSize;
                int word = inGroup / codes;
                int to = panelOffset + (column - firstColumn - inGroup % codes) * MicroKernel.WIDTH + row - firstRow;
                kernel.decode(data, strip, offsets, group, word, Gemm.ceilDivide(end, codes) - word, panel, to);
                column += end - inGroup;
            }
        }
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        int out = storage.rows();
        int in = storage.columns();
        gemm.multiply(false, dy.rows(), in, out, dy.array(), 0, out, storage::decodeRow, true, dx.array(), 0, in);
    }

    @Override
    public long extraBytes() {
        return (long) Integer.BYTES * data.length;
    }
}
