package parsimony.speculative;

import java.util.random.RandomGenerator;
import parsimony.core.autograd.Ops;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/** Proposes how one text may go on. What it proposes changes how fast the text is written, never what is written. */
interface Drafter extends AutoCloseable {
    /**
     * Proposes continuations.
     *
     * @param text at least one token
     * @param deepest tokens that a branch may have at most
     * @param sampler how the text's tokens are chosen
     * @param random what is drawn with
     */
    TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random);

    /** Is told what became of the proposal. */
    default void verified(Verified outcome) {}

    @Override
    default void close() {}

    /**
     * What the model said to a proposal.
     *
     * @param path the nodes that became text, from child to child of node 0
     * @param hidden what the last block gave for each node [nodes, hidden]
     * @param logits what follows each node [nodes, vocabulary]
     */
    record Verified(TokenTree tree, int[] path, Tensor hidden, Tensor logits) {
        /** The last node that is text. */
        int last() {
            return path.length == 0 ? 0 : path[path.length - 1];
        }

        /** The likeliest token after a node. */
        int likeliest(int node) {
            return Logits.likeliest(logits, node);
        }
    }

    /** Makes a drafter for a new text. */
    @FunctionalInterface
    interface Factory {
        Drafter begin(Transformer model, Ops ops);
    }
}
