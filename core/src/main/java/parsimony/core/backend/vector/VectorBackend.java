package parsimony.core.backend.vector;

import java.util.Arrays;
import java.util.function.IntConsumer;
import jdk.incubator.vector.FloatVector;
import parsimony.core.backend.CompositeMatrix;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Every op of a forward and a backward pass with the Vector API, on all threads. Work is cut by shape alone, never by the number of threads, so that
 * sums come out the same on any machine of the same vector width.
 */
public class VectorBackend extends ScalarBackend {
    /** Numbers that one task works on, enough that forking costs nothing beside it. */
    private static final int CHUNK = 1 << 14;
    /** Rows that share one partial sum where a gradient is summed over rows. */
    private static final int ROWS_PER_SUM = 128;

    private final Parallel parallel;
    private final Gemm gemm;
    private final Matvec matvec;

    public VectorBackend(int threads) {
        parallel = new Parallel(threads);
        gemm = new Gemm(parallel);
        matvec = new Matvec(parallel);
    }

    @Override
    public String name() {
        return "vector";
    }

    @Override
    public String description() {
        return "SIMD in pure Java, " + FloatVector.SPECIES_PREFERRED.vectorBitSize() + " bits wide, on " + threads()
                + (threads() == 1 ? " thread" : " threads");
    }

    @Override
    public int threads() {
        return parallel.threads();
    }

    @Override
    public int rowsAlike() {
        return Matvec.VECTORS_AT_MOST;
    }

    @Override
    public void parallel(int tasks, IntConsumer task) {
        parallel.run(tasks, task);
    }

    @Override
    public void close() {
        parallel.close();
    }

    @Override
    public PreparedMatrix prepare(WeightStorage storage) {
        return CompositeMatrix.of(storage, this, this::prepare).orElseGet(() -> prepareWhole(storage));
    }

    private PreparedMatrix prepareWhole(WeightStorage storage) {
        if (storage instanceof AffineGroups groups && PackedMatrix.suits(groups)) {
            return PackedMatrix.of(groups, parallel, gemm);
        }
        if (storage instanceof SparseStorage sparse) {
            return new SparseMatrix(sparse, parallel, gemm);
        }
        if (storage instanceof DenseStorage dense && PanelMatrix.suits(dense)) {
            return new PanelMatrix(dense, parallel, gemm);
        }
        return new RowMatrix(storage, matvec, gemm);
    }

    @Override
    public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate) {
        checkProduct(a, transposeA, b, transposeB, c);
        if (!transposeA && a.rows() <= Matvec.VECTORS_AT_MOST) {
            matvec.multiply(a, transposeB, b, c, accumulate);
            return;
        }
        gemm.multiply(
                transposeA,
                transposeB,
                c.rows(),
                c.columns(),
                transposeA ? a.rows() : a.columns(),
                a.data(),
                a.offset(),
                a.stride(),
                b.data(),
                b.offset(),
                b.stride(),
                accumulate,
                c.data(),
                c.offset(),
                c.stride());
    }

    @Override
    public void addScaled(float factor, Tensor x, Tensor y) {
        forRanges(
                y.size(),
                (start, end) -> VectorMath.addScaled(factor, x.array(), start, y.array(), start, end - start));
    }

    @Override
    public void addBias(Tensor bias, Tensor y) {
        forRows(y, row -> VectorMath.addScaled(1, bias.array(), 0, y.array(), row * y.columns(), y.columns()));
    }

    @Override
    public void addBiasBackward(Tensor dy, Tensor dBias) {
        sumOverRows(
                dy.rows(),
                dBias,
                (row, sums, offset) ->
                        VectorMath.addScaled(1, dy.array(), row * dy.columns(), sums, offset, dy.columns()));
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, Tensor y) {
        int columns = factors.size();
        forRows(x, row -> RowKernels.scale(x.array(), row * columns, 1, factors.array(), y.array(), columns));
    }

    @Override
    public void scaleColumnsBackward(Tensor x, Tensor factors, Tensor dy, Tensor dx, Tensor dFactors) {
        int columns = factors.size();
        forRows(
                dy,
                row -> RowKernels.addProduct(
                        dy.array(), row * columns, factors.array(), 0, dx.array(), row * columns, columns));
        if (dFactors != null) {
            sumOverRows(
                    dy.rows(),
                    dFactors,
                    (row, sums, offset) -> RowKernels.addProduct(
                            dy.array(), row * columns, x.array(), row * columns, sums, offset, columns));
        }
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) {
        int columns = x.columns();
        forRows(x, row -> {
            int start = row * columns;
            float inverse = RowKernels.inverseRms(x.array(), start, columns, epsilon);
            RowKernels.scale(x.array(), start, inverse, weight.array(), y.array(), columns);
        });
    }

    @Override
    public void rmsNormBackward(Tensor x, Tensor weight, float epsilon, Tensor dy, Tensor dx, Tensor dWeight) {
        int columns = x.columns();
        RowSum rowGradient = (row, sums, offset) -> {
            int start = row * columns;
            float inverse = RowKernels.inverseRms(x.array(), start, columns, epsilon);
            float projection = RowKernels.weightedDot(dy.array(), x.array(), start, weight.array(), columns);
            float shared = projection * inverse * inverse * inverse / columns;
            RowKernels.rmsNormGradient(
                    x.array(), dy.array(), dx.array(), start, weight.array(), inverse, shared, sums, offset, columns);
        };
        if (dWeight == null) {
            forRows(x, row -> rowGradient.add(row, null, 0));
        } else {
            sumOverRows(x.rows(), dWeight, rowGradient);
        }
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor y) {
        forRanges(y.size(), (start, end) -> RowKernels.swiGlu(gate.array(), up.array(), y.array(), start, end));
    }

    @Override
    public void swiGluBackward(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp) {
        forRanges(
                dy.size(),
                (start, end) -> RowKernels.swiGluGradient(
                        gate.array(), up.array(), dy.array(), dGate.array(), dUp.array(), start, end));
    }

    @Override
    public void rotate(Tensor x, int heads, Tensor cosines, Tensor sines, boolean interleaved, boolean inverse) {
        int headSize = x.columns() / heads;
        int half = headSize / 2;
        float sign = inverse ? -1 : 1;
        forRows(x, row -> {
            for (int head = 0; head < heads; head++) {
                int start = row * x.columns() + head * headSize;
                if (interleaved) {
                    for (int i = 0; i < half; i++) {
                        float cosine = cosines.array()[row * half + i];
                        float sine = sign * sines.array()[row * half + i];
                        RowKernels.rotatePair(x.array(), start + 2 * i, start + 2 * i + 1, cosine, sine);
                    }
                } else {
                    RowKernels.rotateHalves(x.array(), start, half, cosines.array(), sines.array(), row * half, sign);
                }
            }
        });
    }

    @Override
    public void softmax(Matrix x, float[] logSumExp, int offset) {
        forViewRows(x, row -> {
            int start = x.offset() + row * x.stride();
            logSumExp[offset + row] = VectorMath.softmax(x.data(), start, x.columns());
        });
    }

    @Override
    public void exponential(Matrix x, float[] logSumExp, int offset) {
        forViewRows(x, row -> {
            int start = x.offset() + row * x.stride();
            float shift = logSumExp[offset + row];
            if (shift == Float.NEGATIVE_INFINITY) {
                Arrays.fill(x.data(), start, start + x.columns(), 0);
            } else {
                VectorMath.exponentials(x.data(), start, x.columns(), shift);
            }
        });
    }

    @Override
    public void onlineSoftmax(Matrix x, float[] max, float[] sum, float[] correction) {
        System.arraycopy(max, 0, correction, 0, x.columns());
        ColumnKernels.max(x, max);
        ColumnKernels.exponentials(Matrix.of(correction, 1, x.columns()), max, null);
        ColumnKernels.multiply(correction, sum, x.columns());
        ColumnKernels.exponentials(x, max, sum);
    }

    @Override
    public void softmaxBackward(Matrix x, float[] logSumExp, Matrix dx, float[] delta) {
        ColumnKernels.exponentials(x, logSumExp, null);
        ColumnKernels.softmaxGradient(x, dx, delta);
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, float gradientScale, float[] losses) {
        int columns = logits.columns();
        float[] data = logits.array();
        forRows(logits, row -> {
            int start = row * columns;
            int target = targets[row];
            if (target < 0) {
                losses[row] = 0;
                if (gradientScale != 0) {
                    Arrays.fill(data, start, start + columns, 0);
                }
                return;
            }
            float max = VectorMath.max(data, start, columns);
            float targetLogit = data[start + target];
            float sum = gradientScale == 0
                    ? VectorMath.sumOfExponentials(data, start, columns, max)
                    : VectorMath.exponentials(data, start, columns, max);
            losses[row] = (float) (max + Math.log(sum) - targetLogit);
            if (gradientScale != 0) {
                VectorMath.scale(gradientScale / sum, data, start, columns);
                data[start + target] -= gradientScale;
            }
        });
    }

    @Override
    public void adamW(
            Tensor parameter,
            Tensor gradient,
            float gradientScale,
            Tensor firstMoment,
            Tensor secondMoment,
            AdamWStep step) {
        float correction1 = (float) (1 / (1 - Math.pow(step.beta1(), step.step())));
        float correction2 = (float) (1 / (1 - Math.pow(step.beta2(), step.step())));
        forRanges(
                parameter.size(),
                (start, end) -> RowKernels.adamW(
                        parameter.array(),
                        gradient.array(),
                        firstMoment.array(),
                        secondMoment.array(),
                        start,
                        end,
                        gradientScale,
                        step.beta1(),
                        step.beta2(),
                        correction1,
                        correction2,
                        step.epsilon(),
                        step.learningRate(),
                        step.weightDecay()));
    }

    @Override
    public double sumOfSquares(Tensor x) {
        int chunks = Math.ceilDiv(x.size(), CHUNK);
        double[] sums = new double[chunks];
        forRanges(
                x.size(),
                (start, end) -> sums[start / CHUNK] = VectorMath.dot(x.array(), start, x.array(), start, end - start));
        return Arrays.stream(sums).sum();
    }

    /** Calls {@code task} for ranges that cover 0 … size − 1, each starting at a multiple of {@link #CHUNK}. */
    private void forRanges(int size, RangeTask task) {
        int chunks = Math.ceilDiv(size, CHUNK);
        if (chunks <= 1) {
            task.run(0, size);
            return;
        }
        parallel.run(chunks, chunk -> task.run(chunk * CHUNK, Math.min(size, (chunk + 1) * CHUNK)));
    }

    private void forRows(Tensor x, IntConsumer task) {
        forRows(x.rows(), x.columns(), task);
    }

    private void forViewRows(Matrix x, IntConsumer task) {
        forRows(x.rows(), x.columns(), task);
    }

    private void forRows(int rows, int columns, IntConsumer task) {
        int rowsPerTask = Math.max(1, CHUNK / Math.max(1, columns));
        forBlocks(rows, rowsPerTask, (start, end) -> {
            for (int row = start; row < end; row++) {
                task.accept(row);
            }
        });
    }

    private void forBlocks(int count, int size, RangeTask task) {
        int blocks = Math.ceilDiv(count, size);
        if (blocks <= 1) {
            task.run(0, count);
            return;
        }
        parallel.run(blocks, block -> task.run(block * size, Math.min(count, (block + 1) * size)));
    }

    /** Adds what {@code rowSum} gives for every row to {@code total}, in an order that depends on the number of rows alone. */
    private void sumOverRows(int rows, Tensor total, RowSum rowSum) {
        int columns = total.size();
        float[] partial = new float[Math.ceilDiv(rows, ROWS_PER_SUM) * columns];
        forBlocks(rows, ROWS_PER_SUM, (start, end) -> {
            for (int row = start; row < end; row++) {
                rowSum.add(row, partial, start / ROWS_PER_SUM * columns);
            }
        });
        for (int offset = 0; offset < partial.length; offset += columns) {
            VectorMath.addScaled(1, partial, offset, total.array(), 0, columns);
        }
    }

    private interface RangeTask {
        void run(int start, int end);
    }

    private interface RowSum {
        /** Adds a row's share to {@code sums} from {@code offset} on. */
        void add(int row, float[] sums, int offset);
    }
}
