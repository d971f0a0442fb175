package parsimony.core.backend.vector;

import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/** Weights that are read where they lie, row by row, whatever they are stored as. Nothing is kept beside the storage. */
final class RowMatrix implements PreparedMatrix {
    private final WeightStorage storage;
    private final RowDecoder rows;
    private final Matvec matvec;
    private final Gemm gemm;

    RowMatrix(WeightStorage storage, Matvec matvec, Gemm gemm) {
        this.storage = storage;
        this.matvec = matvec;
        this.gemm = gemm;
        rows = storage instanceof DenseStorage dense ? FloatDecoder.rows(dense) : storage::decodeRow;
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        int batch = x.rows();
        int out = storage.rows();
        int in = storage.columns();
        if (batch > Matvec.VECTORS_AT_MOST) {
            gemm.multiply(true, batch, out, in, x.array(), 0, in, rows, false, y.array(), 0, out);
        } else if (storage instanceof DenseStorage dense) {
            matvec.multiply(dense, batch, x.array(), y.array());
        } else {
            matvec.multiply(rows, out, in, batch, x.array(), y.array());
        }
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        int out = storage.rows();
        int in = storage.columns();
        gemm.multiply(false, dy.rows(), in, out, dy.array(), 0, out, rows, true, dx.array(), 0, in);
    }

    @Override
    public long extraBytes() {
        return 0;
    }
}
