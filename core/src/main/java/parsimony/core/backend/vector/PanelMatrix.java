package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;

/**
 * Small dense weights, which the caches hold, repacked in strips of {@link MicroKernel#WIDTH} rows that stand side by side, column after column: each SIMD lane is an output and no sum runs across
 * lanes, which for short rows would take as long as the products. Weights that memory has to bring are better read where they lie ({@link RowMatrix}).
 *
 * <p>Floats are kept as they are. Of BF16 a lane of 32 bits holds two, a row in the lower half and the row {@link #LANES} behind it in the higher: as much memory as before.
 *
 * <p>Every output is one chain of fused multiply-adds in the order of the columns, whatever the threads and, up to {@link Matvec#VECTORS_AT_MOST}, the batch.
 */
final class PanelMatrix implements PreparedMatrix {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final int ROWS = MicroKernel.WIDTH;
    /** Vectors that a strip is multiplied by at once. */
    private static final int VECTORS = 4;
    /** Weights up to which a matrix is small. */
    private static final long MOST_WEIGHTS = 1 << 22;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 17;

    private static final int HIGH_HALF = 0xffff0000;

    private final DenseStorage storage;
    private final Parallel parallel;
    private final Gemm gemm;
    private final boolean isHalf;
    private final int columnSize;
    private final int stripSize;
    /** The strips of floats; empty where there are halves. */
    private final float[] floats;
    /** The strips of halves; empty where there are floats. */
    private final int[] halves;

    PanelMatrix(DenseStorage storage, Parallel parallel, Gemm gemm) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        isHalf = storage.type() == DataType.BF16;
        columnSize = isHalf ? LANES : ROWS;
        stripSize = storage.columns() * columnSize;
        // Strips come in pairs, which a single vector is multiplied by.
        floats = new float[isHalf ? 0 : pairs() * 2 * stripSize];
        halves = new int[isHalf ? pairs() * 2 * stripSize : 0];
        pack();
    }

    static boolean suits(DenseStorage storage) {
        return (storage.type() == DataType.BF16 || storage.type() == DataType.F32)
                && storage.columns() % 2 == 0
                && (long) storage.rows() * storage.columns() <= MOST_WEIGHTS;
    }

    private int pairs() {
        return Gemm.ceilDivide(storage.rows(), 2 * ROWS);
    }

    private void pack() {
        int columns = storage.columns();
        RowDecoder rows = FloatDecoder.rows(storage);
        parallel.run(pairs(), pair -> {
            float[] row = new float[columns];
            for (int r = pair * 2 * ROWS; r < Math.min((pair + 1) * 2 * ROWS, storage.rows()); r++) {
                rows.decodeRow(r, row, 0);
                int lane = r % ROWS;
                int at = r / ROWS * stripSize + (isHalf ? lane % LANES : lane);
                for (int column = 0; column < columns; column++, at += columnSize) {
                    if (isHalf) {
                        int bits = Float.floatToRawIntBits(row[column]);
                        halves[at] |= lane < LANES ? bits >>> Short.SIZE : bits;
                    } else {
                        floats[at] = row[column];
                    }
                }
            }
        });
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        int batch = x.rows();
        int out = storage.rows();
        int in = storage.columns();
        if (batch > Matvec.VECTORS_AT_MOST) {
            gemm.multiply(batch, out, in, x.array(), in, this::decodePanel, y.array(), out);
            return;
        }
        if ((long) out * in * batch < PARALLEL_WORK) {
            multiplyPairs(0, pairs(), batch, x.array(), y.array());
            return;
        }
        int tasks = Math.min(pairs(), parallel.threads() * Matvec.TASKS_PER_THREAD);
        parallel.run(
                tasks,
                task -> multiplyPairs(
                        Gemm.share(pairs(), task, tasks),
                        Gemm.share(pairs(), task + 1, tasks),
                        batch,
                        x.array(),
                        y.array()));
    }

    private void multiplyPairs(int first, int last, int batch, float[] x, float[] y) {
        int in = storage.columns();
        float[] sums = Scratch.get().sums;
        for (int pair = first; pair < last; pair++) {
            int strip = 2 * pair * stripSize;
            if (batch == 1) {
                if (isHalf) {
                    multiplyOneByHalves(halves, strip, stripSize, in, x, sums);
                } else {
                    multiplyOne(floats, strip, stripSize, in, x, sums);
                }
                store(sums, 0, 2 * pair * ROWS, 2 * ROWS, y, 0);
                continue;
            }
            for (int half = 0; half < 2; half++) {
                for (int vector = 0; vector < batch; vector += VECTORS) {
                    int count = Math.min(VECTORS, batch - vector);
                    int x0 = vector * in;
                    int x1 = x0 + Math.min(1, count - 1) * in;
                    int x2 = x0 + Math.min(2, count - 1) * in;
                    int x3 = x0 + (count - 1) * in;
                    if (isHalf) {
                        multiplyFourByHalves(halves, strip + half * stripSize, in, x, x0, x1, x2, x3, sums);
                    } else {
                        multiplyFour(floats, strip + half * stripSize, in, x, x0, x1, x2, x3, sums);
                    }
                    for (int i = 0; i < count; i++) {
                        store(sums, i * ROWS, (2 * pair + half) * ROWS, ROWS, y, (vector + i) * storage.rows());
                    }
                }
            }
        }
    }

    /** Copies the outputs of some rows, as far as there are such rows. */
    private void store(float[] sums, int from, int row, int rows, float[] y, int offset) {
        int count = Math.min(rows, storage.rows() - row);
        if (count > 0) {
            System.arraycopy(sums, from, y, offset + row, count);
        }
    }

    /** Two strips times one vector. */
    private static void multiplyOne(float[] data, int strip, int stripSize, int in, float[] x, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int at = strip;
        for (int i = 0; i < in; i++, at += ROWS) {
            FloatVector input = FloatVector.broadcast(SPECIES, x[i]);
            sum0 = FloatVector.fromArray(SPECIES, data, at).fma(input, sum0);
            sum1 = FloatVector.fromArray(SPECIES, data, at + LANES).fma(input, sum1);
            sum2 = FloatVector.fromArray(SPECIES, data, at + stripSize).fma(input, sum2);
            sum3 = FloatVector.fromArray(SPECIES, data, at + stripSize + LANES).fma(input, sum3);
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, LANES);
        sum2.intoArray(sums, 2 * LANES);
        sum3.intoArray(sums, 3 * LANES);
    }

    private static void multiplyOneByHalves(int[] data, int strip, int stripSize, int in, float[] x, float[] sums) {
        FloatVector sum0 = FloatVector.zero(SPECIES);
        FloatVector sum1 = sum0;
        FloatVector sum2 = sum0;
        FloatVector sum3 = sum0;
        int at = strip;
        for (int i = 0; i < in; i++, at += LANES) {
            FloatVector input = FloatVector.broadcast(SPECIES, x[i]);
            IntVector two = IntVector.fromArray(INTS, data, at);
            sum0 = low(two).fma(input, sum0);
            sum1 = high(two).fma(input, sum1);
            two = IntVector.fromArray(INTS, data, at + stripSize);
            sum2 = low(two).fma(input, sum2);
            sum3 = high(two).fma(input, sum3);
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, LANES);
        sum2.intoArray(sums, 2 * LANES);
        sum3.intoArray(sums, 3 * LANES);
    }

    /**
     * One strip times {@link #VECTORS} vectors, two columns a step: a method as long as this is not inlined, where within a large one that has used up its budget for inlining vectors would become
     * objects.
     */
    private static void multiplyFour(
            float[] data, int strip, int in, float[] x, int x0, int x1, int x2, int x3, float[] sums) {
        FloatVector sum00 = FloatVector.zero(SPECIES);
        FloatVector sum01 = sum00;
        FloatVector sum10 = sum00;
        FloatVector sum11 = sum00;
        FloatVector sum20 = sum00;
        FloatVector sum21 = sum00;
        FloatVector sum30 = sum00;
        FloatVector sum31 = sum00;
        int at = strip;
        for (int i = 0; i < in; i += 2, at += 2 * ROWS) {
            FloatVector weights0 = FloatVector.fromArray(SPECIES, data, at);
            FloatVector weights1 = FloatVector.fromArray(SPECIES, data, at + LANES);
            FloatVector input = FloatVector.broadcast(SPECIES, x[x0 + i]);
            sum00 = weights0.fma(input, sum00);
            sum01 = weights1.fma(input, sum01);
            input = FloatVector.broadcast(SPECIES, x[x1 + i]);
            sum10 = weights0.fma(input, sum10);
            sum11 = weights1.fma(input, sum11);
            input = FloatVector.broadcast(SPECIES, x[x2 + i]);
            sum20 = weights0.fma(input, sum20);
            sum21 = weights1.fma(input, sum21);
            input = FloatVector.broadcast(SPECIES, x[x3 + i]);
            sum30 = weights0.fma(input, sum30);
            sum31 = weights1.fma(input, sum31);
            weights0 = FloatVector.fromArray(SPECIES, data, at + ROWS);
            weights1 = FloatVector.fromArray(SPECIES, data, at + ROWS + LANES);
            input = FloatVector.broadcast(SPECIES, x[x0 + i + 1]);
            sum00 = weights0.fma(input, sum00);
            sum01 = weights1.fma(input, sum01);
            input = FloatVector.broadcast(SPECIES, x[x1 + i + 1]);
            sum10 = weights0.fma(input, sum10);
            sum11 = weights1.fma(input, sum11);
            input = FloatVector.broadcast(SPECIES, x[x2 + i + 1]);
            sum20 = weights0.fma(input, sum20);
            sum21 = weights1.fma(input, sum21);
            input = FloatVector.broadcast(SPECIES, x[x3 + i + 1]);
            sum30 = weights0.fma(input, sum30);
            sum31 = weights1.fma(input, sum31);
        }
        sum00.intoArray(sums, 0);
        sum01.intoArray(sums, LANES);
        sum10.intoArray(sums, 2 * LANES);
        sum11.intoArray(sums, 3 * LANES);
        sum20.intoArray(sums, 4 * LANES);
        sum21.intoArray(sums, 5 * LANES);
        sum30.intoArray(sums, 6 * LANES);
        sum31.intoArray(sums, 7 * LANES);
    }

    private static void multiplyFourByHalves(
            int[] data, int strip, int in, float[] x, int x0, int x1, int x2, int x3, float[] sums) {
        FloatVector sum00 = FloatVector.zero(SPECIES);
        FloatVector sum01 = sum00;
        FloatVector sum10 = sum00;
        FloatVector sum11 = sum00;
        FloatVector sum20 = sum00;
        FloatVector sum21 = sum00;
        FloatVector sum30 = sum00;
        FloatVector sum31 = sum00;
        int at = strip;
        for (int i = 0; i < in; i += 2, at += 2 * LANES) {
            IntVector two = IntVector.fromArray(INTS, data, at);
            FloatVector weights0 = low(two);
            FloatVector weights1 = high(two);
            FloatVector input = FloatVector.broadcast(SPECIES, x[x0 + i]);
            sum00 = weights0.fma(input, sum00);
            sum01 = weights1.fma(input, sum01);
            input = FloatVector.broadcast(SPECIES, x[x1 + i]);
            sum10 = weights0.fma(input, sum10);
            sum11 = weights1.fma(input, sum11);
            input = FloatVector.broadcast(SPECIES, x[x2 + i]);
            sum20 = weights0.fma(input, sum20);
            sum21 = weights1.fma(input, sum21);
            input = FloatVector.broadcast(SPECIES, x[x3 + i]);
            sum30 = weights0.fma(input, sum30);
            sum31 = weights1.fma(input, sum31);
            two = IntVector.fromArray(INTS, data, at + LANES);
            weights0 = low(two);
            weights1 = high(two);
            input = FloatVector.broadcast(SPECIES, x[x0 + i + 1]);
            sum00 = weights0.fma(input, sum00);
            sum01 = weights1.fma(input, sum01);
            input = FloatVector.broadcast(SPECIES, x[x1 + i + 1]);
            sum10 = weights0.fma(input, sum10);
            sum11 = weights1.fma(input, sum11);
            input = FloatVector.broadcast(SPECIES, x[x2 + i + 1]);
            sum20 = weights0.fma(input, sum20);
            sum21 = weights1.fma(input, sum21);
            input = FloatVector.broadcast(SPECIES, x[x3 + i + 1]);
            sum30 = weights0.fma(input, sum30);
            sum31 = weights1.fma(input, sum31);
        }
        sum00.intoArray(sums, 0);
        sum01.intoArray(sums, LANES);
        sum10.intoArray(sums, 2 * LANES);
        sum11.intoArray(sums, 3 * LANES);
        sum20.intoArray(sums, 4 * LANES);
        sum21.intoArray(sums, 5 * LANES);
        sum30.intoArray(sums, 6 * LANES);
        sum31.intoArray(sums, 7 * LANES);
    }

    private static FloatVector low(IntVector two) {
        return two.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats();
    }

    private static FloatVector high(IntVector two) {
        return two.and(HIGH_HALF).reinterpretAsFloats();
    }

    private void decodePanel(int firstRow, int firstColumn, int columns, float[] panel, int panelOffset) {
        int at = firstRow / ROWS * stripSize + firstColumn * columnSize;
        int to = panelOffset;
        for (int i = 0; i < columns; i++, at += columnSize, to += ROWS) {
            if (isHalf) {
                IntVector two = IntVector.fromArray(INTS, halves, at);
                low(two).intoArray(panel, to);
                high(two).intoArray(panel, to + LANES);
            } else {
                System.arraycopy(floats, at, panel, to, ROWS);
            }
        }
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        int out = storage.rows();
        int in = storage.columns();
        gemm.multiply(
                false, dy.rows(), in, out, dy.array(), 0, out, FloatDecoder.rows(storage), true, dx.array(), 0, in);
    }

    @Override
    public long extraBytes() {
        return (long) Integer.BYTES * halves.length + (long) Float.BYTES * floats.length;
    }
}
