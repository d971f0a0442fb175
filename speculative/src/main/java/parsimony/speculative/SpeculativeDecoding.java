package parsimony.speculative;

import java.util.Arrays;
import java.util.List;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.speculative.ModelDrafter.Length;

/**
 * Speculative decoding (Leviathan et al.) and speculative sampling (Chen et al.): a small model writes γ tokens, the large one reads them in one pass, which takes little longer than
 * reading one where memory bandwidth rules, and keeps the beginning on which both agree ({@link SpeculativeSampling}). If each token is accepted with probability α, a pass gives
 *
 * <pre>  (1 − α^(γ+1)) / (1 − α)</pre>
 *
 * tokens (Eq. 1) and costs γ · c passes of the large model for the draft beside its own, c being the ratio of one pass each.
 *
 * <p>With {@code adaptive=true} the length is chosen anew for each pass, as the one that is best by this formula (Theorem 3.8) for the acceptance seen so far in this text, with {@code
 * tokens} as the most and c as the ratio of the models' bytes.
 *
 * <p>Try: {@code tokens=1} to {@code 8} with {@code generate --show-accepted}.
 */
@Paper(survey = {103, 105})
public final class SpeculativeDecoding extends DecodingTechnique<SpeculativeDecoding.Options> {
    /**
     * @param draft the small model: an embedded model's name, a file or a folder
     * @param tokens γ, tokens drafted for a pass; the most where the length adapts
     * @param adaptive whether the length follows the acceptance
     */
    public record Options(String draft, int tokens, boolean adaptive) {
        public Options {
            if (draft == null || draft.isBlank()) {
                throw new IllegalArgumentException("draft must name a model");
            }
            positive(tokens, "tokens");
        }
    }

    @Override
    public String name() {
        return "speculative";
    }

    @Override
    public String idea() {
        return "A small model writes a few tokens ahead, and the large one reads them in one pass and keeps "
                + "the beginning on which both agree. The text stays what it was, and comes sooner where "
                + "reading a few tokens takes hardly longer than reading one.";
    }

    @Override
    public Options defaults() {
        return new Options("java-1m", 5, false);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "speculative",
                "speculative:tokens=2",
                "speculative:tokens=3",
                "speculative:tokens=7",
                "speculative:tokens=7,adaptive=true");
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        return strategy(name(), openDraft(options.draft, model), model, options);
    }

    static DecodingStrategy strategy(String name, Transformer draft, Transformer model, Options options) {
        double cost = (double) draft.bytes() / model.bytes();
        return new DraftAndVerify(
                name,
                (target, ops) -> new ModelDrafter(
                        List.of(new DraftModel(draft, ops)),
                        options.adaptive ? new BestLength(options.tokens, cost) : () -> chain(options.tokens)),
                new SpeculativeSampling());
    }

    private static int[] chain(int tokens) {
        int[] branches = new int[tokens];
        Arrays.fill(branches, 1);
        return branches;
    }

    /** Tokens that a pass gives where each draft token is accepted with probability α: Eq. 1. */
    static double tokensPerPass(double acceptance, int tokens) {
        return acceptance >= 1 ? tokens + 1 : (1 - Math.pow(acceptance, tokens + 1)) / (1 - acceptance);
    }

    /** The length that promises the most tokens for the time they take. */
    static final class BestLength implements Length {
        /** Tokens seen of late count: about the last fifty. */
        private static final double MEMORY = 0.98;

        private final int most;
        private final double cost;
        // As if one token of two had been accepted before the text began.
        private double accepted = 1;
        private double judged = 2;

        BestLength(int most, double cost) {
            this.most = most;
            this.cost = cost;
        }

        @Override
        public int[] branches() {
            double acceptance = accepted / judged;
            int best = 1;
            for (int tokens = 2; tokens <= most; tokens++) {
                if (improvement(acceptance, tokens) > improvement(acceptance, best)) {
                    best = tokens;
                }
            }
            return chain(best);
        }

        /** Theorem 3.8. */
        private double improvement(double acceptance, int tokens) {
            return tokensPerPass(acceptance, tokens) / (tokens * cost + 1);
        }

        @Override
        public void verified(TokenTree tree, int count) {
            int tokens = count + (count < tree.size() - 1 ? 1 : 0);
            for (int i = 0; i < tokens; i++) {
                accepted = MEMORY * accepted + (i < count ? 1 : 0);
                judged = MEMORY * judged + 1;
            }
        }
    }
}
