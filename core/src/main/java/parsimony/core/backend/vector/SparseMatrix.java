package parsimony.core.backend.vector;

import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;

/**
 * Products with a {@link SparseStorage} that lies where it is, nothing is kept beside it. One vector or a few are multiplied by {@link SparseKernel} where
 * that suits and weight by weight where not. Many are multiplied by {@link SparsePanels} if few weights are left; otherwise by {@link Gemm}, for which rows
 * are decoded: leaving out half of the multiplications saves less than their order costs.
 *
 * <p>Where it pays (SparseBenchmark, weights in BF16, two cores with AVX-512, three short runs of each with wide errors): one vector times 8192 × 4096 weights, more than the caches hold, is 1.5 to 1.6 times as
 * fast as dense 32-bit floats at 50 % and 70 % zeros, 2.1 times at 90 %, but 0.3 to 0.4 of Q8_0; four vectors 1.3 to 1.6 times, 0.7 of Q8_0. In the caches (768 × 256), where dense weights are repacked, it reaches 0.1 to 0.5 of
 * both for one vector and for four (0.8 of dense in two of sixteen cases, in which dense was measured slow): spreading costs more than the zeros save. 128 vectors reach 0.8 to 1.0 of dense up to 70 % zeros and are 1.1 to 1.6
 * times as fast at 90 %. What pruning always
 * saves is memory; 2:4 is no faster than any other half.
 */
final class SparseMatrix implements PreparedMatrix {
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 16;

    /** If less than one weight in so many is kept, the others are worth leaving out of products with many vectors. */
    private static final long FEW_WEIGHTS = 6;

    private final SparseStorage storage;
    private final SparseKernel kernel;
    private final RowDecoder decoder;
    private final Parallel parallel;
    private final Gemm gemm;

    SparseMatrix(SparseStorage storage, Parallel parallel, Gemm gemm) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        kernel = SparseKernel.suits(storage) ? new SparseKernel(storage) : null;
        decoder = kernel == null
                ? storage::decodeRow
                : (row, target, offset) -> kernel.decode(row, storage.start(row), target, offset);
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        int batch = x.rows();
        if (batch > Matvec.VECTORS_AT_MOST) {
            multiplyMany(x, y);
            return;
        }
        int rows = storage.rows();
        if ((long) storage.count() * batch < PARALLEL_WORK) {
            multiplyRows(0, rows, x, y);
            return;
        }
        int tasks = Math.min(rows, parallel.threads() * Matvec.TASKS_PER_THREAD);
        parallel.run(
                tasks, task -> multiplyRows(Gemm.share(rows, task, tasks), Gemm.share(rows, task + 1, tasks), x, y));
    }

    private void multiplyMany(Tensor x, Tensor y) {
        int rows = storage.rows();
        int in = storage.columns();
        if (storage.count() * FEW_WEIGHTS < (long) rows * in) {
            new SparsePanels(storage, parallel).multiply(x, y);
        } else {
            gemm.multiply(true, x.rows(), rows, in, x.array(), 0, in, decoder, false, y.array(), 0, rows);
        }
    }

    private void multiplyRows(int first, int last, Tensor x, Tensor y) {
        if (kernel == null) {
            multiplyOneByOne(first, last, x, y);
            return;
        }
        int batch = x.rows();
        int in = storage.columns();
        int out = storage.rows();
        int start = storage.start(first);
        float[] sums = Scratch.get().sums;
        for (int row = first; row < last; row++) {
            int vector = 0;
            for (; vector + SparseKernel.VECTORS <= batch; vector += SparseKernel.VECTORS) {
                kernel.multiplyFour(row, start, x.array(), vector * in, in, y.array(), vector * out + row, out, sums);
            }
            for (; vector < batch; vector++) {
                y.array()[vector * out + row] = kernel.multiply(row, start, x.array(), vector * in, sums);
            }
            start = storage.start(row + 1);
        }
    }

    private void multiplyOneByOne(int first, int last, Tensor x, Tensor y) {
        int in = storage.columns();
        int out = storage.rows();
        float[] weights = new float[in];
        int[] inputs = new int[in];
        for (int row = first; row < last; row++) {
            int count = storage.start(row + 1) - storage.start(row);
            storage.read(row, row + 1, weights, inputs);
            for (int vector = 0; vector < x.rows(); vector++) {
                y.array()[vector * out + row] = sum(weights, inputs, count, x.array(), vector * in);
            }
        }
    }

    private static float sum(float[] weights, int[] inputs, int count, float[] x, int offset) {
        float even = 0;
        float odd = 0;
        int i = 0;
        for (; i < count - 1; i += 2) {
            even = Math.fma(weights[i], x[offset + inputs[i]], even);
            odd = Math.fma(weights[i + 1], x[offset + inputs[i + 1]], odd);
        }
        return i < count ? Math.fma(weights[i], x[offset + inputs[i]], even) + odd : even + odd;
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        int out = storage.rows();
        int in = storage.columns();
        gemm.multiply(false, dy.rows(), in, out, dy.array(), 0, out, decoder, true, dx.array(), 0, in);
    }

    @Override
    public long extraBytes() {
        return 0;
    }
}
