package parsimony.speculative;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Continuations of a text that share beginnings. Node 0 is the text's last token, whose successor is sought; each other node follows its parent, and what is proposed twice after the
 * same node stands once. Nodes are the rows of the pass that checks them.
 */
final class TokenTree {
    private int[] tokens = new int[8];
    private int[] parents = new int[8];
    private final List<List<Proposal>> proposals = new ArrayList<>();
    private int size;

    /**
     * What a drafter says may follow a node.
     *
     * @param node where it stands
     * @param distribution what it was drawn from, over the vocabulary, or null if it was chosen without drawing
     */
    record Proposal(int node, float[] distribution) {}

    TokenTree(int lastOfText) {
        append(-1, lastOfText);
    }

    private int append(int parent, int token) {
        if (size == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * size);
            parents = Arrays.copyOf(parents, 2 * size);
        }
        tokens[size] = token;
        parents[size] = parent;
        proposals.add(new ArrayList<>());
        return size++;
    }

    /**
     * Proposes a token after a node; proposals are checked in the order in which they were made.
     *
     * @param distribution what it was drawn from, or null if it was chosen without drawing
     * @return its node
     */
    int propose(int parent, int token, float[] distribution) {
        int node = proposals.get(parent).stream()
                .mapToInt(Proposal::node)
                .filter(child -> tokens[child] == token)
                .findFirst()
                .orElseGet(() -> append(parent, token));
        proposals.get(parent).add(new Proposal(node, distribution));
        return node;
    }

    /** Proposes one token after the other, chosen without drawing. */
    void proposeChain(int parent, int... chain) {
        int node = parent;
        for (int token : chain) {
            node = propose(node, token, null);
        }
    }

    /** A token that is read along after a node but not proposed: the model's answer to it is what is wanted. */
    int readAlong(int parent, int token) {
        return append(parent, token);
    }

    /** What may follow a node, in the order of the proposals. */
    List<Proposal> proposals(int node) {
        return Collections.unmodifiableList(proposals.get(node));
    }

    /** Nodes, the text's last token among them. */
    int size() {
        return size;
    }

    int token(int node) {
        return tokens[node];
    }

    int parent(int node) {
        return parents[node];
    }

    int[] tokens() {
        return Arrays.copyOf(tokens, size);
    }

    int[] parents() {
        return Arrays.copyOf(parents, size);
    }

    /** Nodes that are proposed. */
    int proposed() {
        return (int) proposals.stream()
                .flatMap(List::stream)
                .mapToInt(Proposal::node)
                .distinct()
                .count();
    }
}
