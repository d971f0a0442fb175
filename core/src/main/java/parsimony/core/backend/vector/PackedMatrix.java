package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.NativeMemory;
import parsimony.core.tensor.Tensor;

/**
 * Weights of few bits, repacked in blocks of {@link PackedKernel#ROWS} rows as {@link Packer} describes, so that {@link PackedKernel} reads them front
 * to back. Codes keep their width if it is 2, 4 or 8 bits and otherwise get the next of these. Rows that fill up a block have scale 0, columns that
 * fill up a word are multiplied by 0.
 *
 * <p>A few inputs are multiplied with the codes as they stream by; for more, {@link Gemm} asks for decoded panels. The inputs are floats in both cases,
 * and never rounded. An output's bits depend neither on the number of threads nor, up to {@link Matvec#VECTORS_AT_MOST}, on the batch.
 */
final class PackedMatrix implements PreparedMatrix {
    private static final int ROWS = PackedKernel.ROWS;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 17;

    private final AffineGroups storage;
    private final Parallel parallel;
    private final Gemm gemm;
    private final int groups;
    private final int groupColumns;
    private final boolean hasOffsets;
    private final PackedKernel kernel;
    private final int codesPerWord;
    private final long offsetsStart;
    private final long blockBytes;
    private final MemorySegment data;

    PackedMatrix(AffineGroups storage, Parallel parallel, Gemm gemm) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        Packer packer = new Packer(storage, parallel);
        kernel = packer.kernel();
        groups = storage.groups();
        groupColumns = kernel.groupColumns();
        codesPerWord = groupColumns / packer.wordsPerGroup();
        hasOffsets = packer.hasOffsets();
        offsetsStart = groups * kernel.groupBytes();
        blockBytes = offsetsStart + (hasOffsets ? 4L * ROWS * groups : 0);
        int blocks = Gemm.ceilDivide(storage.rows(), ROWS);
        data = NativeMemory.allocate(blocks * blockBytes);
        parallel.run(blocks, block -> {
            int[] packed = new int[(int) (blockBytes / Integer.BYTES)];
            for (int row = block * ROWS; row < Math.min(storage.rows(), (block + 1) * ROWS); row++) {
                packer.pack(row, packed);
            }
            MemorySegment.copy(packed, 0, data, ValueLayout.JAVA_INT, block * blockBytes, packed.length);
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
        float[] inputs = padded(x.array(), batch);
        float[] sums = hasOffsets ? groupSums(inputs, batch) : null;
        int blocks = Gemm.ceilDivide(storage.rows(), ROWS);
        if ((long) storage.rows() * storage.columns() * batch < PARALLEL_WORK) {
            multiplyBlocks(0, blocks, batch, inputs, sums, y.array());
            return;
        }
        int tasks = Math.min(blocks, parallel.threads() * Matvec.TASKS_PER_THREAD);
        parallel.run(
                tasks,
                task -> multiplyBlocks(
                        Gemm.share(blocks, task, tasks),
                        Gemm.share(blocks, task + 1, tasks),
                        batch,
                        inputs,
                        sums,
                        y.array()));
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

    private float[] groupSums(float[] inputs, int batch) {
        float[] sums = Scratch.get().inputSums(batch * groups);
        for (int i = 0; i < batch * groups; i++) {
            sums[i] = VectorMath.sum(inputs, i * groupColumns, groupColumns);
        }
        return sums;
    }

    private void multiplyBlocks(int first, int last, int batch, float[] inputs, float[] sums, float[] y) {
        int out = storage.rows();
        for (int block = first; block < last; block++) {
            int row = block * ROWS;
            if (row + ROWS <= out) {
                multiplyBlock(block, batch, inputs, sums, y, row, out);
            } else {
                float[] tile = Scratch.get().tile;
                multiplyBlock(block, batch, inputs, sums, tile, 0, ROWS);
                for (int vector = 0; vector < batch; vector++) {
                    System.arraycopy(tile, vector * ROWS, y, vector * out + row, out - row);
                }
            }
        }
    }

    private void multiplyBlock(
            int block, int batch, float[] inputs, float[] sums, float[] y, int yOffset, int yStride) {
        long start = block * blockBytes;
        int xStride = groups * groupColumns;
        int vector = 0;
        for (; vector + PackedKernel.VECTORS <= batch; vector += PackedKernel.VECTORS) {
            int at = yOffset + vector * yStride;
            kernel.multiplyFour(data, start, inputs, vector * xStride, xStride, y, at, yStride);
        }
        for (; vector < batch; vector++) {
            kernel.multiply(data, start, inputs, vector * xStride, y, yOffset + vector * yStride);
        }
        if (sums != null) {
            for (vector = 0; vector < batch; vector++) {
                kernel.addOffsets(data, start + offsetsStart, sums, vector * groups, y, yOffset + vector * yStride);
            }
        }
    }

    /** A panel, with up to a word's columns before and behind it, for words are decoded whole. */
    private void decodePanel(int firstRow, int firstColumn, int columns, float[] panel, int panelOffset) {
        long block = firstRow / ROWS * blockBytes;
        int groupSize = storage.groupSize();
        int last = firstColumn + columns;
        for (int column = firstColumn; column < last; column = (column / groupSize + 1) * groupSize) {
            int group = column / groupSize;
            int inGroup = column - group * groupSize;
            int end = Math.min(last - group * groupSize, groupSize);
            int word = inGroup / codesPerWord;
            kernel.decode(
                    data,
                    block + group * kernel.groupBytes(),
                    hasOffsets ? block + offsetsStart + 4L * ROWS * group : -1,
                    word,
                    Gemm.ceilDivide(end, codesPerWord) - word,
                    panel,
                    panelOffset + (column - firstColumn - inGroup % codesPerWord) * ROWS);
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
        return data.byteSize();
    }
}
