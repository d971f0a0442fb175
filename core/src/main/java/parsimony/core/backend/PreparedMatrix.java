package parsimony.core.backend;

import java.util.Arrays;
import parsimony.core.tensor.Tensor;

/**
 * A weight matrix W [out, in] as one backend wants it: repacked for SIMD lanes, wrapped for a BLAS, uploaded to a device. Made once by {@link
 * Backend#prepare}, used many times.
 */
public interface PreparedMatrix {
    /**
     * Writes x · Wᵀ.
     *
     * @param x [n, in]
     * @param y [n, out], overwritten
     */
    void multiply(Tensor x, Tensor y);

    /**
     * The same by products of {@code rowsAtOnce} rows at most, so that each row gets the bits that it gets alone.
     *
     * @param rowsAtOnce at most {@link Backend#rowsAlike}
     */
    default void multiplyInPieces(Tensor x, Tensor y, int rowsAtOnce) {
        for (int row = 0; row < x.rows(); row += rowsAtOnce) {
            int rows = Math.min(rowsAtOnce, x.rows() - row);
            int from = row * x.columns();
            Tensor part = Tensor.zeros(rows, y.columns());
            multiply(
                    Tensor.of(Arrays.copyOfRange(x.array(), from, from + rows * x.columns()), rows, x.columns()), part);
            System.arraycopy(part.array(), 0, y.array(), row * y.columns(), part.size());
        }
    }

    /**
     * Adds dy · W: the gradient of a layer's input where its weights are frozen.
     *
     * @param dy [n, out]
     * @param dx [n, in], added to
     */
    void multiplyTransposed(Tensor dy, Tensor dx);

    /** Bytes that this form takes beside the storage it was made from. */
    long extraBytes();
}
