package parsimony.core.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * Measures how well a model predicts held-out text, by the protocol that {@link Evaluation.Protocol} states. Windows share forward passes for speed;
 * losses are added in double precision in the order of the text, so the same model on the same backend gives the same bits.
 */
public final class Evaluator {
    /** Logits that are held at a time, which bounds the memory whatever the vocabulary. */
    private static final int LOGITS_AT_A_TIME = 1 << 21;

    private final Ops ops;
    private final int context;
    private final int stride;
    private final int rowsPerPass;

    /**
     * Windows of {@code context} tokens that begin half of that after each other.
     *
     * @param context even
     */
    public Evaluator(Ops ops, int context) {
        this(ops, context, context / 2, Math.max(context, 2048));
    }

    /**
     * @param context tokens of a window
     * @param stride tokens by which a window begins later than the one before, at most {@code context}
     * @param rowsPerPass tokens of one forward pass, at least {@code context}; changes speed and memory, and the result by no more than rounding
     */
    public Evaluator(Ops ops, int context, int stride, int rowsPerPass) {
        if (stride < 1 || stride > context || rowsPerPass < context) {
            throw new IllegalArgumentException("1 <= stride <= context <= rows of a pass does not hold for " + stride
                    + ", " + context + ", " + rowsPerPass);
        }
        this.ops = ops;
        this.context = context;
        this.stride = stride;
        this.rowsPerPass = rowsPerPass;
    }

    /** Is told how far an evaluation has come. */
    public interface Progress {
        Progress SILENT = (scored, tokens, bitsPerToken) -> {};

        /**
         * @param scored tokens that are scored by now
         * @param tokens tokens of the text
         * @param bitsPerToken the mean so far
         */
        void scored(long scored, long tokens, double bitsPerToken);
    }

    /** Bits per byte and perplexity. */
    public Evaluation evaluate(Transformer model, HeldOutText text, Progress progress) {
        return evaluate(model, null, text, progress);
    }

    /**
     * Bits per byte and perplexity, and the distance from a reference model in the same pass.
     *
     * @param reference a model of the same vocabulary, or null
     * @param progress told after every forward pass
     * @throws IllegalArgumentException if there is no token to begin a text with, the text is empty, or the vocabularies differ
     */
    public Evaluation evaluate(Transformer model, Reference reference, HeldOutText text, Progress progress) {
        int beginToken = beginToken(model.config());
        long tokens = text.tokens();
        if (tokens == 0) {
            throw new IllegalArgumentException("there is nothing to evaluate in " + text.name());
        }
        if (reference != null
                && reference.model().config().vocabularySize() != model.config().vocabularySize()) {
            throw new IllegalArgumentException(
                    "a reference with another vocabulary says nothing about this model's predictions");
        }
        checkTokens(text, model.config().vocabularySize());
        Scores scores = new Scores();
        List<Pass> passes = passes(text, beginToken);
        for (int i = 0; i < passes.size(); i++) {
            Pass pass = passes.get(i);
            Tensor hidden = pass.scoredStates(ops, model);
            Tensor expected = reference == null
                    ? null
                    : reference.states(this, text, i, () -> pass.scoredStates(ops, reference.model()));
            score(model, hidden, reference, expected, pass.targets, scores);
            progress.scored(scores.tokens, tokens, scores.nats / Math.log(2) / scores.tokens);
        }
        return new Evaluation(
                new Evaluation.Protocol(
                        text.name(), text.documents().size(), tokens, text.bytes(), context, stride, beginToken),
                scores.nats,
                reference == null
                        ? null
                        : new Evaluation.Divergence(scores.divergence / tokens, (double) scores.agreements / tokens));
    }

    /** A model without a token for the beginning of a text reads the one that ended the text before. */
    static int beginToken(TransformerConfig config) {
        int token = config.beginOfSequence() >= 0 ? config.beginOfSequence() : config.endOfSequence();
        if (token < 0) {
            throw new IllegalArgumentException("the model has neither a token to begin nor one to end a text with, so"
                    + " nothing can be predicted for a file's first token");
        }
        return token;
    }

    private static void checkTokens(HeldOutText text, int vocabulary) {
        for (HeldOutText.Document document : text.documents()) {
            for (int token : document.tokens()) {
                if (token < 0 || token >= vocabulary) {
                    throw new IllegalArgumentException(
                            "token " + token + " of " + text.name() + " is not in the model's vocabulary of "
                                    + vocabulary + ": cut the text with its tokenizer");
                }
            }
        }
    }

    /** Cuts the documents into windows, and puts as many neighbours into one forward pass as it holds. */
    private List<Pass> passes(HeldOutText text, int beginToken) {
        List<Pass> passes = new ArrayList<>();
        List<Window> windows = new ArrayList<>();
        int rows = 0;
        for (HeldOutText.Document document : text.documents()) {
            int[] tokens = document.tokens();
            for (int first = 0, scored = 0; scored < tokens.length; first += stride) {
                int end = Math.min(first + context, tokens.length);
                if (rows + end - first > rowsPerPass) {
                    passes.add(new Pass(windows, rows, beginToken));
                    windows = new ArrayList<>();
                    rows = 0;
                }
                windows.add(new Window(tokens, first, scored, end));
                rows += end - first;
                scored = end;
            }
        }
        passes.add(new Pass(windows, rows, beginToken));
        return passes;
    }

    /**
     * Reads what stands before tokens {@code first … end − 1} of a document (row i reads token first + i − 1, or the begin token) and is scored for {@code
     * firstScored … end − 1}.
     */
    private record Window(int[] tokens, int first, int firstScored, int end) {}

    /** The windows of one forward pass. */
    private static final class Pass {
        private final int[] inputs;
        private final int[] positions;
        private final List<Span> spans = new ArrayList<>();
        /** Rows whose prediction is scored, and what they should predict. */
        private final int[] rows;

        private final int[] targets;

        Pass(List<Window> windows, int rowCount, int beginToken) {
            inputs = new int[rowCount];
            positions = new int[rowCount];
            int scoredCount = windows.stream()
                    .mapToInt(window -> window.end - window.firstScored)
                    .sum();
            rows = new int[scoredCount];
            targets = new int[scoredCount];
            int row = 0;
            int scored = 0;
            for (Window window : windows) {
                spans.add(new Span(row, window.end - window.first, null, new Visibility.Causal(positions, row)));
                for (int i = window.first; i < window.end; i++, row++) {
                    inputs[row] = i == 0 ? beginToken : window.tokens[i - 1];
                    positions[row] = i - window.first;
                    if (i >= window.firstScored) {
                        rows[scored] = row;
                        targets[scored++] = window.tokens[i];
                    }
                }
            }
        }

        /** What the last block gives for the rows that are scored, [scored, hidden]. */
        Tensor scoredStates(Ops ops, Transformer model) {
            Tensor all = model.hiddenStates(new ForwardContext(ops, inputs, positions, spans));
            int columns = all.columns();
            Tensor states = Tensor.zeros(rows.length, columns);
            for (int i = 0; i < rows.length; i++) {
                System.arraycopy(all.array(), rows[i] * columns, states.array(), i * columns, columns);
            }
            return states;
        }
    }

    private void score(
            Transformer model, Tensor hidden, Reference reference, Tensor expected, int[] targets, Scores scores) {
        int vocabulary = model.config().vocabularySize();
        int step = Math.max(1, LOGITS_AT_A_TIME / vocabulary);
        for (int first = 0; first < targets.length; first += step) {
            int count = Math.min(step, targets.length - first);
            Tensor logits = model.logits(ops, rows(hidden, first, count));
            float[] losses = new float[count];
            ops.backend().crossEntropy(logits, Arrays.copyOfRange(targets, first, first + count), 0, losses);
            for (float loss : losses) {
                scores.nats += loss;
            }
            scores.tokens += count;
            if (reference != null) {
                compare(reference.model().logits(ops, rows(expected, first, count)), logits, scores);
            }
        }
    }

    private static Tensor rows(Tensor x, int first, int count) {
        int columns = x.columns();
        return Tensor.of(Arrays.copyOfRange(x.array(), first * columns, (first + count) * columns), count, columns);
    }

    /** Adds Σ p · (log p − log q) of each row, where p are the reference's probabilities and q the model's. */
    private void compare(Tensor expected, Tensor actual, Scores scores) {
        Backend backend = ops.backend();
        int rows = actual.rows();
        int columns = actual.columns();
        Tensor p = expected.copy();
        float[] logSumOfExpected = new float[rows];
        float[] logSumOfActual = new float[rows];
        backend.softmax(p.matrix(), logSumOfExpected, 0);
        backend.softmax(Matrix.of(actual.array().clone(), rows, columns), logSumOfActual, 0);
        double[] divergences = new double[rows];
        boolean[] agrees = new boolean[rows];
        backend.parallel(rows, row -> {
            double shift = (double) logSumOfActual[row] - logSumOfExpected[row];
            double sum = 0;
            int bestExpected = row * columns;
            int bestActual = row * columns;
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                float of = expected.array()[i];
                float to = actual.array()[i];
                sum += p.array()[i] * ((double) of - to + shift);
                bestExpected = of > expected.array()[bestExpected] ? i : bestExpected;
                bestActual = to > actual.array()[bestActual] ? i : bestActual;
            }
            divergences[row] = sum;
            agrees[row] = bestExpected == bestActual;
        });
        for (int row = 0; row < rows; row++) {
            scores.divergence += divergences[row];
            scores.agreements += agrees[row] ? 1 : 0;
        }
    }

    /** Sums so far. */
    private static final class Scores {
        private double nats;
        private double divergence;
        private long agreements;
        private long tokens;
    }
}
