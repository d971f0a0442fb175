package parsimony.core.backend;

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
     * Adds dy · W: the gradient of a layer's input where its weights are frozen.
     *
     * @param dy [n, out]
     * @param dx [n, in], added to
     */
    void multiplyTransposed(Tensor dy, Tensor dx);

    /** Bytes that this form takes beside the storage it was made from. */
    long extraBytes();
}
