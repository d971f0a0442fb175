package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Matrix;

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
    /** Vectors up to which this is faster than repacking the weights for a {@link Gemm}. */
    static final int VECTORS_AT_MOST = 8;
    /** Rows that are multiplied at once, for as many independent chains of additions. */
    private static final int ROWS = 4;
    /** Rows of which a task gets multiples: whole groups of {@link #ROWS}, whole vectors of columns. */
    private static final int ROWS_AT_ONCE = Math.max(ROWS, LANES);
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
        if (batch != 1) {
            multiply(FloatDecoder.rows(weights), out, in, batch, x, y);
            return;
        }
        checkSizes(out, in, batch, x, y);
        forEachRows(out, in, (first, last) -> {
            float[] sums = Scratch.get().sums;
            for (int row = first; row < last; row += ROWS) {
                multiplyStored(weights, row, Math.min(ROWS, last - row), x, y, sums);
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
        Matrix inputs = Matrix.of(x, batch, in);
        Matrix outputs = Matrix.of(y, batch, out);
        forEachRows(out, in, (first, last) -> {
            Scratch scratch = Scratch.get();
            Matrix decoded = Matrix.of(scratch.rows(ROWS * in), ROWS, in);
            for (int row = first; row < last; row += ROWS) {
                int rows = Math.min(ROWS, last - row);
                for (int i = 0; i < rows; i++) {
                    weights.decodeRow(row + i, decoded.data(), i * in);
                }
                multiplyRows(decoded, 0, rows, inputs, outputs, row, false, scratch.sums);
            }
        });
    }

    /**
     * Computes Y `[batch, out]` = X `[batch, in]` · op(W), or adds that to Y, where op(W) is W or its transpose.
     *
     * @param transposeW whether W is stored as `[out, in]` rather than `[in, out]`
     */
    void multiply(Matrix x, boolean transposeW, Matrix w, Matrix y, boolean accumulate) {
        if (transposeW) {
            forEachRows(w.rows(), w.columns(), (first, last) -> {
                float[] sums = Scratch.get().sums;
                for (int row = first; row < last; row += ROWS) {
                    multiplyRows(w, row, Math.min(ROWS, last - row), x, y, row, accumulate, sums);
                }
            });
        } else {
            forEachRows(w.columns(), w.rows(), (first, last) -> {
                for (int row = 0; row < x.rows(); row++) {
                    multiplyColumns(w, first, last, x, row, y, accumulate);
                }
            });
        }
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
        int blocks = Gemm.ceilDivide(out, ROWS_AT_ONCE);
        if ((long) out * in < PARALLEL_WEIGHTS) {
            range.multiply(0, out);
            return;
        }
        int tasks = Math.min(blocks, parallel.threads() * TASKS_PER_THREAD);
        parallel.run(
                tasks,
                task -> range.multiply(
                        Gemm.share(blocks, task, tasks) * ROWS_AT_ONCE,
                        Math.min(out, Gemm.share(blocks, task + 1, tasks) * ROWS_AT_ONCE)));
    }

    /** Multiplies {@code rows} rows of stored weights with one vector; a row that is not there is read as the last one. */
    private static void multiplyStored(DenseStorage weights, int row, int rows, float[] x, float[] y, float[] sums) {
        MemorySegment data = weights.data();
        DataType type = weights.type();
        int in = weights.columns();
        long rowBytes = (long) in * type.bytes();
        long row0 = row * rowBytes;
        long row1 = row0 + Math.min(1, rows - 1) * rowBytes;
        long row2 = row0 + Math.min(2, rows - 1) * rowBytes;
        long row3 = row0 + Math.min(3, rows - 1) * rowBytes;
        switch (type) {
            case F32 -> sumF32(data, row0, row1, row2, row3, in, x, sums);
            case BF16 -> sumBf16(data, row0, row1, row2, row3, in, x, sums);
            case F16 -> {
                sumF16(data, row0, row1, in, x, sums, 0);
                sumF16(data, row2, row3, in, x, sums, 2 * LANES);
            }
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

    /** Only two rows, for the conversion takes so many operations that C2 would not inline those of four. */
    private static void sumF16(MemorySegment w, long row0, long row1, int in, float[] x, float[] sums, int offset) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        for (int j = 0; j < SPECIES.loopBound(in); j += LANES) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, j);
            sum0 = FloatDecoder.f16(w, row0 + 2L * j).fma(input, sum0);
            sum1 = FloatDecoder.f16(w, row1 + 2L * j).fma(input, sum1);
        }
        sum0.intoArray(sums, offset);
        sum1.intoArray(sums, offset + LANES);
    }

    /** Multiplies {@code rows} rows of W from {@code wRow} on with all vectors of X, for columns of Y from {@code column} on. */
    private static void multiplyRows(
            Matrix w, int wRow, int rows, Matrix x, Matrix y, int column, boolean accumulate, float[] sums) {
        for (int vector = 0; vector < x.rows(); vector += VECTORS) {
            int vectors = Math.min(VECTORS, x.rows() - vector);
            sumTile(w, wRow, rows, x, vector, vectors, sums);
            for (int i = 0; i < vectors; i++) {
                for (int row = 0; row < rows; row++) {
                    float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, (i * ROWS + row) * LANES));
                    for (int j = SPECIES.loopBound(x.columns()); j < x.columns(); j++) {
                        sum = Math.fma(w.get(wRow + row, j), x.get(vector + i, j), sum);
                    }
                    int at = y.offset() + (vector + i) * y.stride() + column + row;
                    y.data()[at] = accumulate ? y.data()[at] + sum : sum;
                }
            }
        }
    }

    /** Sums by lanes of a few rows times a few vectors; what is not there is read as the last row or vector. */
    private static void sumTile(Matrix w, int wRow, int rows, Matrix x, int vector, int vectors, float[] sums) {
        int row0 = w.offset() + wRow * w.stride();
        int row1 = row0 + Math.min(1, rows - 1) * w.stride();
        int row2 = row0 + Math.min(2, rows - 1) * w.stride();
        int row3 = row0 + Math.min(3, rows - 1) * w.stride();
        int x0 = x.offset() + vector * x.stride();
        int x1 = x0 + Math.min(1, vectors - 1) * x.stride();
        int x2 = x0 + Math.min(2, vectors - 1) * x.stride();
        int x3 = x0 + Math.min(3, vectors - 1) * x.stride();
        if (vectors <= 2) {
            sumPair(w.data(), row0, row1, row2, row3, x.columns(), x.data(), x0, x1, sums);
        } else {
            sumQuad(w.data(), row0, row1, row2, row3, x.columns(), x.data(), x0, x1, x2, x3, sums);
        }
    }

    /** Multiplies one row of X with the columns [first, last) of W `[in, out]`. */
    private static void multiplyColumns(
            Matrix w, int first, int last, Matrix x, int row, Matrix y, boolean accumulate) {
        int xAt = x.offset() + row * x.stride();
        int yAt = y.offset() + row * y.stride();
        int column = first;
        for (; column <= last - LANES; column += LANES) {
            sumColumns(
                    w.data(),
                    w.offset() + column,
                    w.stride(),
                    w.rows(),
                    x.data(),
                    xAt,
                    y.data(),
                    yAt + column,
                    accumulate);
        }
        for (; column < last; column++) {
            float sum = 0;
            for (int i = 0; i < w.rows(); i++) {
                sum = Math.fma(x.data()[xAt + i], w.get(i, column), sum);
            }
            y.data()[yAt + column] = accumulate ? y.data()[yAt + column] + sum : sum;
        }
    }

    private static void sumColumns(
            float[] w, int wOffset, int stride, int in, float[] x, int xOffset, float[] y, int yOffset, boolean add) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int i = 0;
        int at = wOffset;
        for (; i < in - 3; i += 4, at += 4 * stride) {
            sum0 = FloatVector.fromArray(SPECIES, w, at).fma(broadcast(x, xOffset + i), sum0);
            sum1 = FloatVector.fromArray(SPECIES, w, at + stride).fma(broadcast(x, xOffset + i + 1), sum1);
            sum2 = FloatVector.fromArray(SPECIES, w, at + 2 * stride).fma(broadcast(x, xOffset + i + 2), sum2);
            sum3 = FloatVector.fromArray(SPECIES, w, at + 3 * stride).fma(broadcast(x, xOffset + i + 3), sum3);
        }
        // Each input stays in its chain, so that zeros behind the last one change nothing: what a query does not see
        // yet.
        if (i < in) {
            sum0 = FloatVector.fromArray(SPECIES, w, at).fma(broadcast(x, xOffset + i), sum0);
        }
        if (i + 1 < in) {
            sum1 = FloatVector.fromArray(SPECIES, w, at + stride).fma(broadcast(x, xOffset + i + 1), sum1);
        }
        if (i + 2 < in) {
            sum2 = FloatVector.fromArray(SPECIES, w, at + 2 * stride).fma(broadcast(x, xOffset + i + 2), sum2);
        }
        FloatVector sum = sum0.add(sum1).add(sum2.add(sum3));
        (add ? FloatVector.fromArray(SPECIES, y, yOffset).add(sum) : sum).intoArray(y, yOffset);
    }

    private static FloatVector broadcast(float[] x, int index) {
        return FloatVector.broadcast(SPECIES, x[index]);
    }

    private static void sumPair(
            float[] w, int row0, int row1, int row2, int row3, int in, float[] x, int x0, int x1, float[] sums) {
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
            FloatVector weight = FloatVector.fromArray(SPECIES, w, row0 + j);
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
            float[] w,
            int row0,
            int row1,
            int row2,
            int row3,
            int in,
            float[] x,
            int x0,
            int x1,
            int x2,
            int x3,
            float[] sums) {
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
            FloatVector weight = FloatVector.fromArray(SPECIES, w, row0 + j);
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
