package parsimony.core.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Tensor;

/**
 * Measures how well a model predicts texts that it reads as it would write them: through sequences, and so through its caches, a few tokens a pass, each text once from its beginning
 * to its end, however long. All texts are read side by side.
 */
public final class SequenceEvaluator {
    private final Ops ops;
    private final int tokensPerPass;

    /** @param tokensPerPass tokens of each text that are read at once; what a cache drops it drops after a pass */
    public SequenceEvaluator(Ops ops, int tokensPerPass) {
        if (tokensPerPass < 1) {
            throw new IllegalArgumentException("a pass has at least one token, not " + tokensPerPass);
        }
        this.ops = ops;
        this.tokensPerPass = tokensPerPass;
    }

    /**
     * The negative log-likelihood, in nats, of every token of every document.
     *
     * @throws IllegalArgumentException if there is no token to begin a text with
     */
    public float[][] losses(Transformer model, HeldOutText text) {
        int beginToken = Evaluator.beginToken(model.config());
        List<HeldOutText.Document> documents = text.documents();
        List<Sequence> sequences =
                documents.stream().map(document -> model.newSequence()).toList();
        float[][] losses = documents.stream()
                .map(document -> new float[document.tokens().length])
                .toArray(float[][]::new);
        int longest = Arrays.stream(losses).mapToInt(loss -> loss.length).max().orElse(0);
        try {
            for (int first = 0; first < longest; first += tokensPerPass) {
                read(model, documents, sequences, first, beginToken, losses);
            }
        } finally {
            sequences.forEach(Sequence::close);
        }
        return losses;
    }

    /** Tokens {@code first … first + tokensPerPass − 1} of the documents that are as long. */
    private void read(
            Transformer model,
            List<HeldOutText.Document> documents,
            List<Sequence> sequences,
            int first,
            int beginToken,
            float[][] losses) {
        int rows = 0;
        for (float[] loss : losses) {
            rows += Math.clamp(loss.length - first, 0, tokensPerPass);
        }
        int[] inputs = new int[rows];
        int[] targets = new int[rows];
        int[] positions = new int[rows];
        List<Span> spans = new ArrayList<>();
        int row = 0;
        for (int i = 0; i < losses.length; i++) {
            int[] tokens = documents.get(i).tokens();
            int count = Math.clamp(tokens.length - first, 0, tokensPerPass);
            if (count > 0) {
                spans.add(new Span(row, count, sequences.get(i), new Visibility.Causal(positions, row)));
            }
            for (int token = first; token < first + count; token++, row++) {
                inputs[row] = token == 0 ? beginToken : tokens[token - 1];
                targets[row] = tokens[token];
                positions[row] = token;
            }
        }
        Tensor logits = model.forward(new ForwardContext(ops, inputs, positions, spans));
        float[] nats = new float[rows];
        ops.backend().crossEntropy(logits, targets, 0, nats);
        row = 0;
        for (int i = 0; i < losses.length; i++) {
            int count = Math.clamp(losses[i].length - first, 0, tokensPerPass);
            System.arraycopy(nats, row, losses[i], Math.min(first, losses[i].length), count);
            if (count > 0) {
                sequences.get(i).commit(count);
            }
            row += count;
        }
    }
}
