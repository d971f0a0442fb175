package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.NativeMemory;
import parsimony.core.tensor.Tensor;

/**
 * Weights of few bits, repacked so that {@link PackedKernel} reads them front to back. Codes keep their width if it is 2, 4 or
 * 8 bits and otherwise get the next of these.
 *
 * <p>Blocks of {@link PackedKernel#ROWS} rows follow each other. A block holds for each group its rows' scales, then its words:
 * word 0 of all rows, then word 1, and so on. Behind the last group come the rows' offsets for each group. As the kernel takes the
 * middle of their range off all codes, an offset here is the storage's plus scale · middle; where all are zero, as they are for
 * symmetric grids, none are kept. Rows that fill up a block have scale 0, columns that fill up a word are multiplied by 0.
 *
 * <p>An output's bits depend neither on the number of threads nor, up to {@link Matvec#VECTORS_AT_MOST}, on the batch.
 */
final class PackedMatrix implements PreparedMatrix {
    private static final int ROWS = PackedKernel.ROWS;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 17;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final AffineGroups storage;
    private final Parallel parallel;
    private final Gemm gemm;
    private final int bits;
    private final int middle;
    private final int groups;
    private final int groupColumns;
    private final boolean hasOffsets;
    private final PackedKernel kernel;
    private final long offsetsStart;
    private final long blockBytes;
    private final MemorySegment data;

    PackedMatrix(AffineGroups storage, Parallel parallel, Gemm gemm) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        bits = packedBits(storage);
        middle = 1 << (storage.bits() - 1);
        groups = storage.groups();
        int wordsPerGroup = Gemm.ceilDivide(storage.groupSize(), codesPerWord(storage));
        kernel = new PackedKernel(bits, middle, groups, wordsPerGroup);
        groupColumns = kernel.groupColumns();
        float[] offsets = new float[storage.rows() * groups];
        hasOffsets = readOffsets(offsets);
        offsetsStart = groups * kernel.groupBytes();
        blockBytes = offsetsStart + (hasOffsets ? 4L * ROWS * groups : 0);
        int blocks = Gemm.ceilDivide(storage.rows(), ROWS);
        data = NativeMemory.allocate(blocks * blockBytes);
        parallel.run(blocks, block -> pack(block, offsets));
    }

    /** Whether this form suits: with shorter groups than a word has codes most of it would be padding. */
    static boolean suits(AffineGroups storage) {
        return storage.groupSize() >= codesPerWord(storage);
    }

    private static int packedBits(AffineGroups storage) {
        return storage.bits() <= 2 ? 2 : storage.bits() <= 4 ? 4 : 8;
    }

    private static int codesPerWord(AffineGroups storage) {
        return 32 / packedBits(storage);
    }

    /** Computes what is added to scale · (code − middle); whether any of it is not zero. */
    private boolean readOffsets(float[] offsets) {
        boolean any = false;
        for (int row = 0; row < storage.rows(); row++) {
            for (int group = 0; group < groups; group++) {
                float offset = Math.fma(storage.scale(row, group), middle, storage.offset(row, group));
                offsets[row * groups + group] = offset;
                any |= offset != 0;
            }
        }
        return any;
    }

    private void pack(int block, float[] offsets) {
        int words = groupColumns / (32 / bits);
        int firstRow = block * ROWS;
        int rows = Math.min(ROWS, storage.rows() - firstRow);
        int[] packed = new int[(int) (blockBytes / 4)];
        int groupInts = (int) (kernel.groupBytes() / 4);
        byte[] codes = new byte[storage.columns()];
        byte[] padded = new byte[groupColumns + Long.BYTES];
        for (int row = 0; row < rows; row++) {
            storage.readCodes(firstRow + row, codes, 0);
            for (int group = 0; group < groups; group++) {
                int first = group * storage.groupSize();
                int count = Math.min(storage.groupSize(), codes.length - first);
                System.arraycopy(codes, first, padded, 0, count);
                Arrays.fill(padded, count, groupColumns, (byte) middle);
                int at = group * groupInts + row;
                packed[at] = Float.floatToRawIntBits(storage.scale(firstRow + row, group));
                for (int word = 0; word < words; word++) {
                    packed[at + (1 + word) * ROWS] = word(padded, word * (32 / bits));
                }
                if (hasOffsets) {
                    packed[(int) (offsetsStart / 4) + group * ROWS + row] =
                            Float.floatToRawIntBits(offsets[(firstRow + row) * groups + group]);
                }
            }
        }
        MemorySegment.copy(packed, 0, data, ValueLayout.JAVA_INT, block * blockBytes, packed.length);
    }

    /** The codes from {@code first} on, one a byte, in a word, the first in the lowest bits. */
    private int word(byte[] codes, int first) {
        return switch (bits) {
            case 2 ->
                (int) Long.compress((long) LONG.get(codes, first), 0x0303030303030303L)
                        | (int) Long.compress((long) LONG.get(codes, first + 8), 0x0303030303030303L) << 16;
            case 4 -> (int) Long.compress((long) LONG.get(codes, first), 0x0f0f0f0f0f0f0f0fL);
            default -> (int) INT.get(codes, first);
        };
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

    private void decodePanel(int firstRow, float[] panel, int panelOffset) {
        long start = firstRow / ROWS * blockBytes;
        int groupSize = storage.groupSize();
        for (int group = 0; group < groups; group++) {
            int column = group * groupSize;
            kernel.decode(
                    data,
                    start + group * kernel.groupBytes(),
                    hasOffsets ? start + offsetsStart + 4L * ROWS * group : -1,
                    Math.min(groupSize, storage.columns() - column),
                    panel,
                    panelOffset + column * ROWS);
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
