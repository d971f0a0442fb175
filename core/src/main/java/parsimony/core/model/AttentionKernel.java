package parsimony.core.model;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * softmax(Q · Kᵀ · scale) · V for one head: the seam of the attention techniques. The caller runs heads and sequences in parallel; a kernel that is given a
 * head alone may use all threads. A public kernel that is listed in {@code META-INF/services/parsimony.core.model.AttentionKernel} is what every model is
 * made with.
 */
public interface AttentionKernel {
    /** The name on the command line. */
    String name();

    /** Whether every query attends to all that it sees, so that any other exact kernel, a device's for one, gives the same but for rounding. */
    default boolean isExact() {
        return false;
    }

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
     * @param positions query i stands at {@code positions[firstPosition + i]} of the text
     */
    record Head(
            Matrix queries,
            int[] positions,
            int firstPosition,
            List<KeyValueTile> tiles,
            Visibility visibility,
            Scoring scoring) {
        public int position(int query) {
            return positions[firstPosition + query];
        }

        /** The same for some of the queries. */
        Head rows(int first, int count) {
            return new Head(
                    queries.rows(first, count),
                    positions,
                    firstPosition + first,
                    tiles,
                    new Visibility.OfRows(visibility, first),
                    scoring);
        }

        /** The same queries, which look at something else. */
        Head withTiles(List<KeyValueTile> others) {
            return new Head(queries, positions, firstPosition, others, visibility, scoring);
        }
    }

    /**
     * What becomes of a product q · k: cap(scale · q · k) + slope · (the key's position − the query's).
     *
     * @param scale usually 1 / sqrt(headSize)
     * @param softCap cap(s) is softCap · tanh(s / softCap); 0 leaves scores alone
     * @param slope what a score loses with each position of distance; 0 where positions are in the queries and keys themselves
     */
    record Scoring(float scale, float softCap, float slope) {
        /**
         * The score of a product.
         *
         * @param distance the key's position − the query's
         */
        float score(float product, int distance) {
            float score = scale * product;
            if (softCap != 0) {
                score = softCap * (float) Math.tanh(score / softCap);
            }
            return score + slope * distance;
        }
    }
}
