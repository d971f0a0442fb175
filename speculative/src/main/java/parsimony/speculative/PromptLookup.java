package parsimony.speculative;

import java.util.List;
import java.util.random.RandomGenerator;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Inference with Reference: a text that edits, quotes or summarises another repeats it at length. Where the last tokens of the text stood before, in the prompt or in what was written, the tokens
 * that followed there are proposed (Section 3, LLMA). Looking costs next to nothing; no draft model is needed.
 *
 * <p>The paper matches against separate reference documents; here these are part of the prompt. Of several places the longest match is taken, and of equally long ones the last, as what is
 * near is the likelier source.
 *
 * <p>Try: {@code match=1}, which copies on the weakest hint, while editing a file and while writing a new one.
 */
@Paper(survey = 108)
public final class PromptLookup extends DecodingTechnique<PromptLookup.Options> {
    /** Tokens that a match is followed back at most; longer ones are taken to be as good. */
    private static final int LONGEST_MATCH = 16;

    /**
     * @param match tokens that must stand alike before anything is copied
     * @param tokens that are copied at most
     */
    public record Options(int match, int tokens) {
        public Options {
            positive(match, "match");
            positive(tokens, "tokens");
        }
    }

    @Override
    public String name() {
        return "prompt-lookup";
    }

    @Override
    public String idea() {
        return "Where the last few tokens stood before, what followed them there is proposed, and the model "
                + "checks it in one pass. Guessing costs next to nothing, and text that repeats or edits "
                + "another is written several tokens at a time.";
    }

    @Override
    public Options defaults() {
        return new Options(2, 7);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "prompt-lookup",
                "prompt-lookup:match=1",
                "prompt-lookup:match=2,tokens=15",
                "prompt-lookup:match=4,tokens=3");
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        return strategy(name(), options);
    }

    static DecodingStrategy strategy(String name, Options options) {
        return new DraftAndVerify(name, (model, ops) -> new Lookup(options), new SpeculativeSampling());
    }

    /** Copies from one text. */
    record Lookup(Options options) implements Drafter {
        @Override
        public TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random) {
            TokenTree tree = new TokenTree(text.last());
            int source = source(text);
            if (source >= 0) {
                int count = Math.min(Math.min(options.tokens, deepest), text.size() - source);
                tree.proposeChain(0, text.slice(source, source + count));
            }
            return tree;
        }

        /** Where to copy from, or −1. */
        private int source(Text text) {
            int longest = options.match - 1;
            int source = -1;
            for (int next = text.size() - 1; next > longest; next--) {
                int length = 0;
                while (length < Math.max(LONGEST_MATCH, options.match)
                        && length < next
                        && text.get(next - 1 - length) == text.get(text.size() - 1 - length)) {
                    length++;
                }
                if (length > longest) {
                    longest = length;
                    source = next;
                }
            }
            return source;
        }
    }
}
