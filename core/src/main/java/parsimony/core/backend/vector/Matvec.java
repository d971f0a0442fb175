package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;

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
    static final int TASKS_PER_THREAD = 8;

    private final Parallel parallel;

    /** Products are computed on the threads of {@code parallel}. */
    public Matvec(Parallel parallel) {
        this.parallel = Objects.requireNonNull(parallel, "parallel");
    }

    /**
     * Computes Y = X · Wᵀ with W dense.
     *
     * @param weights W `[out, in]`, where it lies; accessible from any thread
     * @param x `[batch, in]`
     * @param y `[batch, out]`, overwritten
     * @throws IndexOutOfBoundsException if X or Y do not lie within their arrays
     */
    public void multiply(DenseStorage weights, int batch, float[] x, float[] y) {
        int out = weights.rows();
        int in = weights.columns();
        if (batch != 1 || weights.type() == DataType.F16) {
            multiply(FloatDecoder.rows(weights), out, in, batch, x, y);
            return;
        }
        checkSizes(out, in, batch, x, y);
        forEachRows(out, in, (first, last) -> {
            float[] sums = Scratch.get().sums;
            for (int row = first; row < last; row += ROWS) {
                multiplyRows(weights, row, Math.min(ROWS, last - row), x, y, sums);
            }
        });
    }

    /**
     * Computes Y = X · Wᵀ with W `[out, in]` decoded row by row, each row once.
     *
     * @param x `[batch, in]`
     * @param y `[batch, out]`, overwritten
     * @throws IndexOutOfBoundsException if X or Y do not lie within their arrays
     */
    public void multiply(RowDecoder weights, int out, int in, int batch, float[] x, float[] y) {
        checkSizes(out, in, batch, x, y);
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
                    multiplyDecoded(
                            decoded, rows, in, vectors, x, vector * in, y, vector * out + row, out, scratch.sums);
                }
            }
        });
    }

    private static void checkSizes(int out, int in, int batch, float[] x, float[] y) {
        if ((long) batch * in > x.length || (long) batch * out > y.length) {
            throw new IndexOutOfBoundsException(batch + " vectors of " + in + " and " + out
                    + " floats do not lie within arrays of " + x.length + " and " + y.length);
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
    private static void multiplyRows(DenseStorage weights, int row, int rows, float[] x, float[] y, float[] sums) {
        MemorySegment data = weights.data();
        DataType type = weights.type();
        int in = weights.columns();
        long rowBytes = (long) in * type.bytes();
        long row0 = row * rowBytes;
        long row1 = row0 + Math.min(1, rows - 1) * rowBytes;
        long row2 = row0 + Math.min(2, rows - 1) * rowBytes;
        long row3 = row0 + Math.min(3, rows - 1) * rowBytes;
        if (type == DataType.BF16) {
            sumBf16(data, row0, row1, row2, row3, in, x, sums);
        } else {
            sumF32(data, row0, row1, row2, row3, in, x, sums);
        }
        for (int i = 0; i < rows; i++) {
            float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, i * LANES));
            for (int j = SPECIES.loopBound(in); j < in; j++) {
                sum = Math.fma(type.get(data, (row + i) * rowBytes + (long) j * type.bytes()), x[j], sum);
            }
            y[row + i] = sum;
        }
    }

    private static void sumF32(
            MemorySegment w, long row0, long row1, long row2, long row3, int in, float[] x, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, j);
            long at = 4L * j;
            sum0 = FloatDecoder.f32(w, row0 + at).fma(input, sum0);
            sum1 = FloatDecoder.f32(w, row1 + at).fma(input, sum1);
            sum2 = FloatDecoder.f32(w, row2 + at).fma(input, sum2);
            sum3 = FloatDecoder.f32(w, row3 + at).fma(input, sum3);
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, LANES);
        sum2.intoArray(sums, 2 * LANES);
        sum3.intoArray(sums, 3 * LANES);
    }

    private static void sumBf16(
            MemorySegment w, long row0, long row1, long row2, long row3, int in, float[] x, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, j);
            long at = 2L * j;
            sum0 = FloatDecoder.bf16(w, row0 + at).fma(input, sum0);
            sum1 = FloatDecoder.bf16(w, row1 + at).fma(input, sum1);
            sum2 = FloatDecoder.bf16(w, row2 + at).fma(input, sum2);
            sum3 = FloatDecoder.bf16(w, row3 + at).fma(input, sum3);
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
            float[] y,
            int yOffset,
            int out,
            float[] sums) {
        int row1 = Math.min(1, rows - 1) * in;
        int row2 = Math.min(2, rows - 1) * in;
        int row3 = Math.min(3, rows - 1) * in;
        int x1 = xOffset + Math.min(1, vectors - 1) * in;
        int x2 = xOffset + Math.min(2, vectors - 1) * in;
        int x3 = xOffset + Math.min(3, vectors - 1) * in;
        if (vectors <= 2) {
            sumPair(w, row1, row2, row3, in, x, xOffset, x1, sums);
        } else {
            sumQuad(w, row1, row2, row3, in, x, xOffset, x1, x2, x3, sums);
        }
        for (int vector = 0; vector < vectors; vector++) {
            for (int row = 0; row < rows; row++) {
                float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, (vector * ROWS + row) * LANES));
                for (int j = SPECIES.loopBound(in); j < in; j++) {
                    sum = Math.fma(w[row * in + j], x[xOffset + vector * in + j], sum);
                }
                y[yOffset + vector * out + row] = sum;
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
