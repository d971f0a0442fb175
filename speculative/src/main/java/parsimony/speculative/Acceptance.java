package parsimony.speculative;

import java.util.random.RandomGenerator;
import parsimony.core.model.Sampler;
import parsimony.core.tensor.Tensor;

/** Decides which of the proposed tokens become text. */
interface Acceptance {
    /**
     * Follows a tree from its first node as far as proposals are accepted.
     *
     * @param logits what follows each node [nodes, vocabulary]
     */
    Verdict judge(TokenTree tree, Tensor logits, Sampler sampler, RandomGenerator random);

    /** Whether the text is what the model alone would have written: the same tokens, or the same distribution. */
    boolean isLossless();

    /**
     * What becomes text.
     *
     * @param path nodes that are accepted, from child to child of node 0
     * @param next the token after the last of them
     * @param rejected the first token that was proposed in its place, or −1 if none was
     */
    record Verdict(int[] path, int next, int rejected) {}
}
