package parsimony.core.model;

import java.util.Set;
import parsimony.core.autograd.Ops;

/** A way to make a model write: the seam of the techniques that produce the same text in fewer steps. */
public interface DecodingStrategy {
    /** The name on the command line. */
    String name();

    /** Writes the continuation of a prompt, and tells the listener of each token as soon as it stands. */
    Generation generate(Transformer model, Ops ops, Request request, Listener listener);

    /** Whether the text is what one token a pass would give: the same tokens at temperature 0, the same distribution above. */
    default boolean isLossless() {
        return true;
    }

    /**
     * What is to be written.
     *
     * @param prompt at least one token, usually beginning with the beginning of sequence
     * @param maxTokens tokens after which to stop
     * @param stopTokens tokens that end the text; they are not part of it
     */
    record Request(int[] prompt, int maxTokens, Set<Integer> stopTokens, Sampler sampler) {
        public Request {
            if (prompt.length == 0) {
                throw new IllegalArgumentException(
                        "a prompt needs at least one token, such as the one that begins a text");
            }
            if (maxTokens < 0) {
                throw new IllegalArgumentException("the number of tokens to write must be 0 or more, not " + maxTokens);
            }
            stopTokens = Set.copyOf(stopTokens);
        }
    }

    /** Who a token comes from. */
    enum Origin {
        /** Drawn from the model's distribution. */
        MODEL,
        /** Proposed by a drafter and accepted by the model. */
        DRAFT,
        /** The model's own, in place of a proposed one that it rejected. */
        CORRECTION
    }

    /** Follows the text while it is written. */
    interface Listener {
        /** A token of the text, in order. */
        void token(int token, Origin origin);

        /** A proposed token that the model rejected; the next {@link #token} stands in its place. */
        default void rejected(int token) {}
    }

    /**
     * What was written, and at what cost.
     *
     * @param tokens the continuation, without the prompt and the stop token
     * @param stopped whether a stop token ended it
     * @param modelPasses forward passes of the model that gave tokens; the first reads the prompt's last token
     * @param proposed tokens that drafters proposed
     * @param accepted proposed tokens that became part of the text
     * @param prefillNanos time to read the prompt but its last token
     * @param decodeNanos time from then on
     * @param draftNanos the part of it that proposing took
     */
    record Generation(
            int[] tokens,
            boolean stopped,
            int modelPasses,
            int proposed,
            int accepted,
            long prefillNanos,
            long decodeNanos,
            long draftNanos) {}
}
