package parsimony.speculative;

import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Parallel decoding: greedy text is the solution of x_i = argmax p(· | x_&lt;i) for all i, and a system of equations may be solved by Jacobi's iteration. The next tokens are guessed all at once, a pass gives each one's
 * answer to the guesses before it, and these are the guesses of the next pass (Section 3.2). At least one token is right after each pass, for it depends on text alone.
 *
 * <p>The authors start with padding and solve block by block; here the block slides: as soon as tokens are right they become text, and the place behind the last guess repeats it. Above temperature 0, where there
 * is no such equation, the likeliest answers are proposed and judged like any others.
 *
 * <p>Try: {@code generate --show-accepted}; a guess is seldom right before all that stands before it is.
 */
@Paper(survey = 101)
public final class Jacobi extends DecodingTechnique<Jacobi.Options> {
    /** @param tokens that are guessed at once */
    public record Options(int tokens) {
        public Options {
            positive(tokens, "tokens");
        }
    }

    @Override
    public String name() {
        return "jacobi";
    }

    @Override
    public String idea() {
        return "The next tokens are guessed all at once, and each pass of the model replaces every guess by "
                + "its answer to those before it. A pass may so settle several tokens instead of one, without "
                + "any draft model.";
    }

    @Override
    public Options defaults() {
        return new Options(7);
    }

    @Override
    public List<String> showcase() {
        return List.of("jacobi", "jacobi:tokens=3");
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        return strategy(name(), options);
    }

    static DecodingStrategy strategy(String name, Options options) {
        return new DraftAndVerify(name, (model, ops) -> new Guesses(options.tokens), new SpeculativeSampling());
    }

    /** The guesses for one text. */
    private static final class Guesses implements Drafter {
        private final int[] guesses;
        private boolean begun;

        Guesses(int tokens) {
            guesses = new int[tokens];
        }

        @Override
        public TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random) {
            if (!begun) {
                Arrays.fill(guesses, text.last());
                begun = true;
            }
            TokenTree tree = new TokenTree(text.last());
            tree.proposeChain(0, Arrays.copyOf(guesses, Math.min(guesses.length, deepest)));
            return tree;
        }

        @Override
        public void verified(Verified outcome) {
            // The answer to the last token of the path is text by now; those behind it are the new guesses.
            int guess = outcome.tree().token(outcome.last());
            int node = outcome.last() + 1;
            for (int i = 0; i < guesses.length; i++, node++) {
                if (node < outcome.tree().size()) {
                    guess = outcome.likeliest(node);
                }
                guesses[i] = guess;
            }
        }
    }
}
