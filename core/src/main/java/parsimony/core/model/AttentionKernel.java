package parsimony.core.model;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * softmax(Q · Kᵀ · scale) · V for one head: the seam of the attention techniques. The caller runs heads and sequences in parallel.
 */
public interface AttentionKernel {
    /** The name on the command line. */
    String name();

    /**
     * @param head the queries and what they look at
     * @param output [queries, headSize], overwritten; zeros for a query that sees nothing
     * @param logSumExp log Σ exp of each query's scores, from {@code offset} on; −∞ for a query that sees nothing
     */
    void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset);

    /**
     * Adds to the gradients of queries, keys and values.
     *
     * @param output what {@link #forward} gave
     * @param logSumExp what {@link #forward} gave
     * @param dTiles the gradients of the tiles' keys and values, in the tiles' order and shape
     */
    void backward(
            Backend backend,
            Head head,
            Matrix output,
            float[] logSumExp,
            int offset,
            Matrix dOutput,
            Matrix dQueries,
            List<KeyValueTile> dTiles);

    /**
     * One head of one sequence.
     *
     * @param queries [queries, headSize]
     * @param scale what scores are multiplied by, usually 1 / sqrt(headSize)
     * @param softCap scores s become softCap · tanh(s / softCap); 0 leaves them alone
     */
    record Head(Matrix queries, List<KeyValueTile> tiles, Visibility visibility, float scale, float softCap) {}
}
