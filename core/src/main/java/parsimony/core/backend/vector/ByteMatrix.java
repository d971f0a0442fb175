package parsimony.core.backend.vector;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.AffineGroups;

/**
 * Weights of 5 to 8 bits, a byte each, multiplied by inputs as they are. A few inputs are multiplied with the codes as they stream by; for more,
 * {@link Gemm} asks for decoded panels. An output's bits depend neither on the number of threads nor, up to {@link Matvec#VECTORS_AT_MOST}, on the batch.
 */
final class ByteMatrix extends PackedMatrix {
    private static final int ROWS = ByteKernel.ROWS;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 17;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private final ByteKernel kernel;
    private final int wordsPerGroup;

    ByteMatrix(AffineGroups storage, Parallel parallel, Gemm gemm) {
        super(storage, parallel, gemm, ROWS, Integer.BYTES, words(storage), ROWS * (1 + words(storage)));
        wordsPerGroup = words(storage);
        kernel = new ByteKernel(middle, storage.groups(), wordsPerGroup);
        pack(middle);
    }

    private static int words(AffineGroups storage) {
        return Gemm.ceilDivide(storage.groupSize(), Integer.BYTES);
    }

    @Override
    void packWords(byte[] codes, int stride, int[] packed) {
        int to = 0;
        int column = 0;
        for (int group = 0; group < storage.groups(); group++, to += ROWS) {
            for (int word = 0; word < wordsPerGroup; word++, column += Integer.BYTES) {
                for (int row = 0; row < ROWS; row++) {
                    packed[to++] = (int) INT.get(codes, row * stride + column);
                }
            }
        }
    }

    @Override
    void multiply(float[] x, int batch, float[] y) {
        int in = storage.columns();
        if (batch > Matvec.VECTORS_AT_MOST) {
            gemm.multiply(batch, storage.rows(), in, x, in, this::decodePanel, y, storage.rows());
            return;
        }
        float[] inputs = padded(x, batch);
        float[] sums = hasOffsets ? groupSums(inputs, batch) : null;
        forStrips(
                (long) storage.rows() * storage.columns() * batch >= PARALLEL_WORK,
                (first, last) -> multiplyStrips(first, last, batch, inputs, sums, y));
    }

    /** The inputs with every group filled up to whole words; the inputs themselves where the groups are so already. */
    private float[] padded(float[] x, int batch) {
        int in = storage.columns();
        int groupSize = storage.groupSize();
        int groups = storage.groups();
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
        int groups = storage.groups();
        float[] sums = Scratch.get().inputSums(batch * groups);
        for (int i = 0; i < batch * groups; i++) {
            sums[i] = VectorMath.sum(inputs, i * groupColumns, groupColumns);
        }
        return sums;
    }

    private void multiplyStrips(int first, int last, int batch, float[] inputs, float[] sums, float[] y) {
        int out = storage.rows();
        for (int strip = first; strip < last; strip++) {
            int row = strip * ROWS;
            if (row + ROWS <= out) {
                multiplyStrip(strip, batch, inputs, sums, y, row, out);
            } else {
                float[] tile = Scratch.get().tile;
                multiplyStrip(strip, batch, inputs, sums, tile, 0, ROWS);
                for (int vector = 0; vector < batch; vector++) {
                    System.arraycopy(tile, vector * ROWS, y, vector * out + row, out - row);
                }
            }
        }
    }

    private void multiplyStrip(
            int strip, int batch, float[] inputs, float[] sums, float[] y, int yOffset, int yStride) {
        long start = strip(strip);
        int groups = storage.groups();
        int xStride = groups * groupColumns;
        int vector = 0;
        for (; vector + ByteKernel.VECTORS <= batch; vector += ByteKernel.VECTORS) {
            int at = yOffset + vector * yStride;
            kernel.multiplyFour(data, start, inputs, vector * xStride, xStride, y, at, yStride);
        }
        for (; vector < batch; vector++) {
            kernel.multiply(data, start, inputs, vector * xStride, y, yOffset + vector * yStride);
        }
        if (sums != null) {
            for (vector = 0; vector < batch; vector++) {
                kernel.addOffsets(data, offsets(strip), sums, vector * groups, y, yOffset + vector * yStride);
            }
        }
    }

    /** A panel, with up to a word's columns before and behind it, for words are decoded whole. */
    private void decodePanel(int firstRow, int firstColumn, int columns, float[] panel, int panelOffset) {
        int groupSize = storage.groupSize();
        int last = firstColumn + columns;
        long strip = strip(firstRow / ROWS);
        for (int column = firstColumn; column < last; column = (column / groupSize + 1) * groupSize) {
            int group = column / groupSize;
            int inGroup = column - group * groupSize;
            int end = Math.min(last - group * groupSize, groupSize);
            int word = inGroup / Integer.BYTES;
            kernel.decode(
                    data,
                    strip + group * kernel.groupBytes(),
                    hasOffsets ? offsets(firstRow / ROWS) + 4L * ROWS * group : -1,
                    word,
                    Gemm.ceilDivide(end, Integer.BYTES) - word,
                    panel,
                    panelOffset + (column - firstColumn - inGroup % Integer.BYTES) * MicroKernel.WIDTH);
        }
    }
}
