package parsimony.speculative;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import parsimony.core.autograd.Ops;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;

/**
 * Medusa: instead of a second model, heads on the model itself guess the tokens after the next one ({@link MedusaHeads}). Their likeliest combinations are a tree ({@link MedusaTree}) that one
 * pass of the model checks, and the hidden state of the last accepted token makes the next guesses.
 *
 * <p>The heads are trained on the calibration text (Medusa-1: the model is frozen), a few seconds for a small model; with {@code file} they are kept and found again. By default
 * acceptance is {@link TypicalAcceptance}, which above temperature 0 is not lossless; {@code typical=false} judges by {@link SpeculativeSampling}.
 *
 * <p>The authors draw the token after the accepted ones before they ask the heads, here both come from the same pass; they also have a Medusa-2 that trains the model along, which is left out.
 * A head has an output matrix of its own: where the vocabulary is large for the model, as it is for a small one, guessing costs nearly as much as the model itself.
 *
 * <p>Try: {@code nodes=3} and {@code nodes=15}, and {@code generate --temperature 0.7}.
 */
@Paper(survey = 102)
public final class Medusa extends DecodingTechnique<Medusa.Options> {
    /**
     * @param heads how many tokens behind the next one are guessed
     * @param nodes tokens that are proposed in one pass
     * @param typical whether typical acceptance is used
     * @param epsilon ε, the probability from which on a token is typical always
     * @param delta δ, share of exp(−entropy) from which on it is
     * @param epochs passes over the calibration text when heads are trained
     * @param file a safetensors file with the heads; if there is none of that name yet they are trained and written there
     */
    public record Options(
            int heads, int nodes, boolean typical, double epsilon, double delta, int epochs, String file) {
        public Options {
            positive(heads, "heads");
            positive(nodes, "nodes");
            positive(epochs, "epochs");
            if (!(epsilon >= 0 && epsilon <= 1)) {
                throw new IllegalArgumentException("epsilon must be from 0 to 1, not " + epsilon);
            }
            if (!(delta >= 0 && delta <= 1)) {
                throw new IllegalArgumentException("delta must be from 0 to 1, not " + delta);
            }
        }
    }

    @Override
    public String name() {
        return "medusa";
    }

    @Override
    public String idea() {
        return "Small heads on the model itself guess the tokens after the next one, and one pass checks a "
                + "tree of their likeliest combinations. So several tokens may be accepted for one reading of "
                + "the weights, without a second model.";
    }

    @Override
    public Options defaults() {
        return new Options(3, 7, true, 0.3, 0.09, 4, null);
    }

    @Override
    public List<String> showcase() {
        return List.of("medusa", "medusa:typical=false");
    }

    @Override
    public boolean readsCalibration() {
        return true;
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        try {
            return strategy(name(), heads(model, options, context), options);
        } catch (IOException e) {
            throw new TechniqueException(name() + ": " + e.getMessage(), e);
        }
    }

    static DecodingStrategy strategy(String name, MedusaHeads heads, Options options) {
        MedusaTree tree = MedusaTree.best(heads.accuracies(), options.nodes);
        return new DraftAndVerify(
                name,
                (model, ops) -> new Guesses(model, ops, heads, tree),
                options.typical ? new TypicalAcceptance(options.epsilon, options.delta) : new SpeculativeSampling());
    }

    private MedusaHeads heads(Transformer model, Options options, TechniqueContext context) throws IOException {
        Path file = options.file == null ? null : Path.of(options.file);
        if (file != null && Files.exists(file)) {
            return MedusaHeads.read(file, model);
        }
        int longest = context.calibration().stream()
                .mapToInt(text -> text.length)
                .max()
                .orElse(0);
        if (longest < options.heads + 2) {
            throw new TechniqueException(name() + " needs calibration text to train its heads on, and none was given");
        }
        MedusaHeads heads = MedusaHeads.train(model, options.heads, options.epochs, context);
        if (file != null) {
            heads.write(file);
        }
        return heads;
    }

    /** The guesses for one text. */
    private static final class Guesses implements Drafter {
        private final Transformer model;
        private final Ops ops;
        private final MedusaHeads heads;
        private final MedusaTree tree;
        private Tensor lastHidden;

        Guesses(Transformer model, Ops ops, MedusaHeads heads, MedusaTree tree) {
            this.model = model;
            this.ops = ops;
            this.heads = heads;
            this.tree = tree;
        }

        @Override
        public TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random) {
            // What follows the prompt's last token is not known before it was read.
            return lastHidden == null || deepest == 0
                    ? new TokenTree(text.last())
                    : tree.proposals(text.last(), heads.guesses(ops, model.normalized(ops, lastHidden)), deepest);
        }

        @Override
        public void verified(Verified outcome) {
            Tensor hidden = outcome.hidden();
            int from = outcome.last() * hidden.columns();
            lastHidden =
                    Tensor.of(Arrays.copyOfRange(hidden.array(), from, from + hidden.columns()), 1, hidden.columns());
        }
    }
}
