package parsimony.core.eval;

import java.util.Locale;

/**
 * How well a model predicts a text.
 *
 * @param protocol how this was measured
 * @param nats Σ −log p of all tokens
 * @param divergence the distance from a reference model, or null if there was none
 */
public record Evaluation(Protocol protocol, double nats, Divergence divergence) {
    /** Bits that an ideal coder would need for one byte of the text. */
    public double bitsPerByte() {
        return nats / Math.log(2) / protocol.bytes();
    }

    /** exp of the mean loss of a token; depends on the tokenizer. */
    public double perplexity() {
        return Math.exp(nats / protocol.tokens());
    }

    /**
     * What has to be said beside the numbers. Every document is read as {@code beginToken} and its tokens t₁ … tₙ. The first window holds the begin
     * token and the first {@code context} − 1 tokens and is scored for t₁ … t_context. Every further window begins {@code stride} tokens later than the
     * one before it (with a plain token, not with the begin token), counts its positions from 0, and is scored for the tokens that no earlier window
     * was scored for: its {@code stride} last ones, or fewer at the end of the document. These so see at least {@code context} − {@code stride} tokens
     * before them. Every token, and so every byte, is scored exactly once.
     *
     * @param text the text's name
     * @param documents files
     * @param tokens tokens scored
     * @param bytes bytes of text that they spell out
     * @param context tokens that a window holds at most
     * @param stride tokens by which a window begins later than the one before
     * @param beginToken what stands before every document
     */
    public record Protocol(
            String text, int documents, long tokens, long bytes, int context, int stride, int beginToken) {
        /** How the text was cut and what was scored, in one line. */
        public String windows() {
            return String.format(
                    Locale.ROOT,
                    "context %d, stride %d, token %d at the start of each file, every byte scored once",
                    context,
                    stride,
                    beginToken);
        }

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT, "%s: %,d files, %,d bytes, %,d tokens; %s", text, documents, bytes, tokens, windows());
        }
    }

    /**
     * How far a model's predictions are from those of a reference, its dense original.
     *
     * @param kullbackLeibler mean over all tokens of Σ p · log(p / q), in nats; p is the reference's distribution and q the model's
     * @param topOneAgreement share of the tokens for which both hold the same token to be the most likely
     */
    public record Divergence(double kullbackLeibler, double topOneAgreement) {}
}
