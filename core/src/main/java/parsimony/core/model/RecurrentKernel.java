package parsimony.core.model;

import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * A kernel that remembers the past of a sequence as a state of fixed size instead of its keys and values. The state stands where the cache would; what is
 * tentative in it are its {@linkplain KvCache#tiles tiles}, so that a token tree can be tried, and a commit takes what is kept into the sums.
 */
public interface RecurrentKernel extends AttentionKernel {
    /** A block's empty state for a new sequence. */
    KvCache newState(int keyValueHeads, int headSize);

    /**
     * Attends to all that a sequence has committed, whatever the head's visibility says of it, and to the tentative entries that it does speak of.
     *
     * @param head the queries, and the tiles of what is tentative in {@code state}
     * @param state what {@link #newState} made
     * @param output [queries, headSize], overwritten
     */
    void forward(Backend backend, Head head, KvCache state, int keyValueHead, Matrix output);
}
