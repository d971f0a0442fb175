package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;

/**
 * Products of a weight matrix `[out, in]` with one vector or a few, as decoding needs them: Y `[batch, out]` =
 * X `[batch, in]` · Wᵀ. The weights are read from memory once, whatever the batch; that, and not arithmetic, is what such a
 * product takes its time for.
 *
 * <p>Every output is one chain of fused multiply-adds per lane, added over the lanes in a fixed order, so that neither the
 * number of threads nor the batch changes its bits: what a draft is verified with equals what is decoded one by one.
 *
 * <p>Thread-safe. A product that is computed inside a task of the same {@link Parallel} runs on that task's thread.
 */
public final class Matvec {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    /** Rows that are multiplied at once, for as many independent chains of additions. */
    private static final int ROWS = 4;
    /** Vectors that a decoded row is multiplied with at once. */
    private static final int VECTORS = 4;
    /** Below this many weights waking another thread costs more than it gains. */
    private static final long PARALLEL_WEIGHTS = 1 << 16;
    /** Tasks per thread, so that a thread that is held up does not hold up the others. */
    private static final int TASKS_PER_THREAD = 8;

    private final Parallel parallel;

    /** Products are computed on the threads of {@code parallel}. */
    public Matvec(Parallel parallel) {
        this.parallel = Objects.requireNonNull(parallel, "parallel");
    }

    /**
     * Computes Y = X · Wᵀ with W dense. Vector i of X begins at {@code xOffset + i * xStride}, that of Y likewise.
     *
     * @param weights W `[out, in]`, row-major; native, mapped or on the heap; accessible from any thread
     * @throws IllegalArgumentException if a size is negative
     * @throws IndexOutOfBoundsException if the weights, X or Y do not lie within their memory
     */
    public void multiply(
            FloatFormat format,
            MemorySegment weights,
            int out,
            int in,
            int batch,
            float[] x,
            int xOffset,
            int xStride,
            float[] y,
            int yOffset,
            int yStride) {
        checkSizes(out, in, batch, x, xOffset, xStride, y, yOffset, yStride);
        long rowBytes = (long) in * format.bytes();
        if (out * rowBytes > weights.byteSize()) {
            throw new IndexOutOfBoundsException(
                    "weights of " + out * rowBytes + " bytes do not lie within a segment of " + weights.byteSize());
        }
        if (batch == 1 && format != FloatFormat.F16) {
            forEachRows(out, in, (first, last) -> {
                float[] sums = Scratch.get().sums;
                for (int row = first; row < last; row += ROWS) {
                    multiplyRows(format, weights, row, Math.min(ROWS, last - row), in, x, xOffset, y, yOffset, sums);
                }
            });
        } else {
            RowDecoder decoder = (row, target, offset) -> format.decode(weights, row * rowBytes, target, offset, in);
            multiply(decoder, out, in, batch, x, xOffset, xStride, y, yOffset, yStride);
        }
    }

    /**
     * Computes Y = X · Wᵀ with W `[out, in]` decoded row by row, each row once. Vector i of X begins at
     * {@code xOffset + i * xStride}, that of Y likewise.
     *
     * @throws IllegalArgumentException if a size is negative
     * @throws IndexOutOfBoundsException if X or Y do not lie within their arrays
     */
    public void multiply(
            RowDecoder weights,
            int out,
            int in,
            int batch,
            float[] x,
            int xOffset,
            int xStride,
            float[] y,
            int yOffset,
            int yStride) {
        checkSizes(out, in, batch, x, xOffset, xStride, y, yOffset, yStride);
        forEachRows(out, in, (first, last) -> {
            Scratch scratch = Scratch.get();
            float[] decoded = scratch.rows(ROWS * in);
            for (int row = first; row < last; row += ROWS) {
                int rows = Math.min(ROWS, last - row);
                for (int i = 0; i < rows; i++) {
                    weights.decodeRow(row + i, decoded, i * in);
                }
                for (int vector = 0; vector < batch; vector += VECTORS) {
                    int vectors = Math.min(VECTORS, batch - vector);
                    int xAt = xOffset + vector * xStride;
                    int yAt = yOffset + vector * yStride + row;
                    multiplyDecoded(decoded, rows, in, vectors, x, xAt, xStride, y, yAt, yStride, scratch.sums);
                }
            }
        });
    }

    private static void checkSizes(
            int out, int in, int batch, float[] x, int xOffset, int xStride, float[] y, int yOffset, int yStride) {
        if (out < 0 || in < 0 || batch < 0) {
            throw new IllegalArgumentException(
                    "a product of " + batch + " vectors with a matrix of " + out + " × " + in);
        }
        checkVectors("X", batch, in, x, xOffset, xStride);
        checkVectors("Y", batch, out, y, yOffset, yStride);
    }

    private static void checkVectors(String name, int batch, int size, float[] array, int offset, int stride) {
        long end = offset + Math.max(0L, batch - 1L) * stride + size;
        if (offset < 0 || stride < 0 || batch > 0 && end > array.length) {
            throw new IndexOutOfBoundsException(batch + " vectors " + name + " of " + size + " floats from " + offset
                    + " with stride " + stride + " do not lie within an array of " + array.length);
        }
    }

    @FunctionalInterface
    private interface RowRange {
        /** Multiplies rows [first, last). */
        void multiply(int first, int last);
    }

    private void forEachRows(int out, int in, RowRange range) {
        int blocks = Gemm.ceilDivide(out, ROWS);
        if ((long) out * in < PARALLEL_WEIGHTS) {
            range.multiply(0, out);
            return;
        }
        int tasks = Math.min(blocks, parallel.threads() * TASKS_PER_THREAD);
        parallel.run(
                tasks,
                task -> range.multiply(
                        Gemm.share(blocks, task, tasks) * ROWS,
                        Math.min(out, Gemm.share(blocks, task + 1, tasks) * ROWS)));
    }

    /** Multiplies {@code rows} rows of stored weights with one vector; a row that is not there is read as the last one. */
    private static void multiplyRows(
            FloatFormat format,
            MemorySegment weights,
            int row,
            int rows,
            int in,
            float[] x,
            int xOffset,
            float[] y,
            int yOffset,
            float[] sums) {
        long rowBytes = (long) in * format.bytes();
        long row0 = row * rowBytes;
        long row1 = row0 + Math.min(1, rows - 1) * rowBytes;
        long row2 = row0 + Math.min(2, rows - 1) * rowBytes;
        long row3 = row0 + Math.min(3, rows - 1) * rowBytes;
        if (format == FloatFormat.BF16) {
            sumBf16(weights, row0, row1, row2, row3, in, x, xOffset, sums);
        } else {
            sumF32(weights, row0, row1, row2, row3, in, x, xOffset, sums);
        }
        for (int i = 0; i < rows; i++) {
            float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, i * LANES));
            for (int j = SPECIES.loopBound(in); j < in; j++) {
                float weight = format.scalar(weights, (row + i) * rowBytes + (long) j * format.bytes());
                sum = Math.fma(weight, x[xOffset + j], sum);
            }
            y[yOffset + row + i] = sum;
        }
    }

    private static void sumF32(
            MemorySegment w, long row0, long row1, long row2, long row3, int in, float[] x, int xOffset, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, xOffset + j);
            long at = 4L * j;
            sum0 = FloatFormat.f32(w, row0 + at).fma(input, sum0);
            sum1 = FloatFormat.f32(w, row1 + at).fma(input, sum1);
            sum2 = FloatFormat.f32(w, row2 + at).fma(input, sum2);
            sum3 = FloatFormat.f32(w, row3 + at).fma(input, sum3);
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, LANES);
        sum2.intoArray(sums, 2 * LANES);
        sum3.intoArray(sums, 3 * LANES);
    }

    private static void sumBf16(
            MemorySegment w, long row0, long row1, long row2, long row3, int in, float[] x, int xOffset, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, xOffset + j);
            long at = 2L * j;
            sum0 = FloatFormat.bf16(w, row0 + at).fma(input, sum0);
            sum1 = FloatFormat.bf16(w, row1 + at).fma(input, sum1);
            sum2 = FloatFormat.bf16(w, row2 + at).fma(input, sum2);
            sum3 = FloatFormat.bf16(w, row3 + at).fma(input, sum3);
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, LANES);
        sum2.intoArray(sums, 2 * LANES);
        sum3.intoArray(sums, 3 * LANES);
    }

    /** Multiplies decoded rows with {@code vectors} vectors; what is not there is read as the last row or vector. */
    private static void multiplyDecoded(
            float[] w,
            int rows,
            int in,
            int vectors,
            float[] x,
            int xOffset,
            int xStride,
            float[] y,
            int yOffset,
            int yStride,
            float[] sums) {
        int row1 = Math.min(1, rows - 1) * in;
        int row2 = Math.min(2, rows - 1) * in;
        int row3 = Math.min(3, rows - 1) * in;
        int x1 = xOffset + Math.min(1, vectors - 1) * xStride;
        int x2 = xOffset + Math.min(2, vectors - 1) * xStride;
        int x3 = xOffset + Math.min(3, vectors - 1) * xStride;
        if (vectors <= 2) {
            sumPair(w, row1, row2, row3, in, x, xOffset, x1, sums);
        } else {
            sumQuad(w, row1, row2, row3, in, x, xOffset, x1, x2, x3, sums);
        }
        for (int vector = 0; vector < vectors; vector++) {
            for (int row = 0; row < rows; row++) {
                float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, (vector * ROWS + row) * LANES));
                for (int j = SPECIES.loopBound(in); j < in; j++) {
                    sum = Math.fma(w[row * in + j], x[xOffset + vector * xStride + j], sum);
                }
                y[yOffset + vector * yStride + row] = sum;
            }
        }
    }

    private static void sumPair(
            float[] w, int row1, int row2, int row3, int in, float[] x, int x0, int x1, float[] sums) {
        FloatVector sum00 = FloatVector.zero(SPECIES);
        FloatVector sum01 = sum00;
        FloatVector sum02 = sum00;
        FloatVector sum03 = sum00;
        FloatVector sum10 = sum00;
        FloatVector sum11 = sum00;
        FloatVector sum12 = sum00;
        FloatVector sum13 = sum00;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input0 = FloatVector.fromArray(SPECIES, x, x0 + j);
            FloatVector input1 = FloatVector.fromArray(SPECIES, x, x1 + j);
            FloatVector weight = FloatVector.fromArray(SPECIES, w, j);
            sum00 = weight.fma(input0, sum00);
            sum10 = weight.fma(input1, sum10);
            weight = FloatVector.fromArray(SPECIES, w, row1 + j);
            sum01 = weight.fma(input0, sum01);
            sum11 = weight.fma(input1, sum11);
            weight = FloatVector.fromArray(SPECIES, w, row2 + j);
            sum02 = weight.fma(input0, sum02);
            sum12 = weight.fma(input1, sum12);
            weight = FloatVector.fromArray(SPECIES, w, row3 + j);
            sum03 = weight.fma(input0, sum03);
            sum13 = weight.fma(input1, sum13);
        }
        sum00.intoArray(sums, 0);
        sum01.intoArray(sums, LANES);
        sum02.intoArray(sums, 2 * LANES);
        sum03.intoArray(sums, 3 * LANES);
        sum10.intoArray(sums, 4 * LANES);
        sum11.intoArray(sums, 5 * LANES);
        sum12.intoArray(sums, 6 * LANES);
        sum13.intoArray(sums, 7 * LANES);
    }

    private static void sumQuad(
            float[] w, int row1, int row2, int row3, int in, float[] x, int x0, int x1, int x2, int x3, float[] sums) {
        FloatVector sum00 = FloatVector.zero(SPECIES);
        FloatVector sum01 = sum00;
        FloatVector sum02 = sum00;
        FloatVector sum03 = sum00;
        FloatVector sum10 = sum00;
        FloatVector sum11 = sum00;
        FloatVector sum12 = sum00;
        FloatVector sum13 = sum00;
        FloatVector sum20 = sum00;
        FloatVector sum21 = sum00;
        FloatVector sum22 = sum00;
        FloatVector sum23 = sum00;
        FloatVector sum30 = sum00;
        FloatVector sum31 = sum00;
        FloatVector sum32 = sum00;
        FloatVector sum33 = sum00;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input0 = FloatVector.fromArray(SPECIES, x, x0 + j);
            FloatVector input1 = FloatVector.fromArray(SPECIES, x, x1 + j);
            FloatVector input2 = FloatVector.fromArray(SPECIES, x, x2 + j);
            FloatVector input3 = FloatVector.fromArray(SPECIES, x, x3 + j);
            FloatVector weight = FloatVector.fromArray(SPECIES, w, j);
            sum00 = weight.fma(input0, sum00);
            sum10 = weight.fma(input1, sum10);
            sum20 = weight.fma(input2, sum20);
            sum30 = weight.fma(input3, sum30);
            weight = FloatVector.fromArray(SPECIES, w, row1 + j);
            sum01 = weight.fma(input0, sum01);
            sum11 = weight.fma(input1, sum11);
            sum21 = weight.fma(input2, sum21);
            sum31 = weight.fma(input3, sum31);
            weight = FloatVector.fromArray(SPECIES, w, row2 + j);
            sum02 = weight.fma(input0, sum02);
            sum12 = weight.fma(input1, sum12);
            sum22 = weight.fma(input2, sum22);
            sum32 = weight.fma(input3, sum32);
            weight = FloatVector.fromArray(SPECIES, w, row3 + j);
            sum03 = weight.fma(input0, sum03);
            sum13 = weight.fma(input1, sum13);
            sum23 = weight.fma(input2, sum23);
            sum33 = weight.fma(input3, sum33);
        }
        sum00.intoArray(sums, 0);
        sum01.intoArray(sums, LANES);
        sum02.intoArray(sums, 2 * LANES);
        sum03.intoArray(sums, 3 * LANES);
        sum10.intoArray(sums, 4 * LANES);
        sum11.intoArray(sums, 5 * LANES);
        sum12.intoArray(sums, 6 * LANES);
        sum13.intoArray(sums, 7 * LANES);
        sum20.intoArray(sums, 8 * LANES);
        sum21.intoArray(sums, 9 * LANES);
        sum22.intoArray(sums, 10 * LANES);
        sum23.intoArray(sums, 11 * LANES);
        sum30.intoArray(sums, 12 * LANES);
        sum31.intoArray(sums, 13 * LANES);
        sum32.intoArray(sums, 14 * LANES);
        sum33.intoArray(sums, 15 * LANES);
    }
}
