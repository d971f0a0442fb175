package parsimony.speculative;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Lookahead decoding: Jacobi's guesses are seldom right in their place, but the runs of tokens they pass through turn up soon. A window of {@code window} columns keeps the guesses of the last {@code ngram} − 1
 * passes; each column read downwards, with the model's new answer below it, is an n-gram, and goes to a pool. From the pool come the proposals: n-grams that begin with the text's last token
 * (Sections 3.1 and 3.2). Window and proposals are read in one pass.
 *
 * <p>A column stands one position further down each row, and a guess sees those above it in its column, then those to the left of its top (Fig. 2): that is a token tree, whose trunk is the
 * window's top row.
 *
 * <p>The window starts with tokens of the prompt, as the authors' code does. Each pass reads (ngram − 1) · (window + proposals) rows, which a graphics card has to spare; where rows cost time, as
 * here, this is slow.
 */
@Paper(
        title = "Break the Sequential Dependency of LLM Inference Using Lookahead Decoding",
        venue = "ICML",
        year = 2024,
        link = "https://arxiv.org/abs/2402.02057")
public final class Lookahead extends DecodingTechnique<Lookahead.Options> {
    /**
     * @param window columns W
     * @param ngram tokens N of what the pool keeps
     * @param proposals n-grams G that are proposed at once at most; the pool keeps as many for each first token
     */
    public record Options(int window, int ngram, int proposals) {
        public Options {
            positive(window, "window");
            positive(proposals, "proposals");
            if (ngram < 2) {
                throw new IllegalArgumentException("ngram must be at least 2, not " + ngram);
            }
        }
    }

    @Override
    public String name() {
        return "lookahead";
    }

    @Override
    public String idea() {
        return "A window of guesses is improved pass after pass, and the short runs of tokens that it goes "
                + "through are pooled and proposed where they fit. So a pass may give several tokens without "
                + "any draft model, for many more rows to compute.";
    }

    @Override
    public Options defaults() {
        return new Options(4, 3, 2);
    }

    @Override
    public List<String> showcase() {
        return List.of("lookahead", "lookahead:window=7,ngram=4,proposals=4");
    }

    @Override
    DecodingStrategy strategy(Transformer model, Options options, TechniqueContext context) {
        return strategy(name(), options);
    }

    static DecodingStrategy strategy(String name, Options options) {
        return new DraftAndVerify(name, (model, ops) -> new Window(options), new SpeculativeSampling());
    }

    /** The guesses and the pool of one text. */
    private static final class Window implements Drafter {
        private final Options options;
        private final Map<Integer, SequencedSet<List<Integer>>> pool = new HashMap<>();
        /** Guesses [row][column]; the first of row 0 is the text's last token. Rows come with the passes. */
        private final List<int[]> rows = new ArrayList<>();
        /** Where each guess is read. */
        private int[][] nodes;

        Window(Options options) {
            this.options = options;
        }

        @Override
        public TokenTree propose(Text text, int deepest, Sampler sampler, RandomGenerator random) {
            if (rows.isEmpty()) {
                rows.add(random.ints(options.window, 0, text.size())
                        .map(text::get)
                        .toArray());
            }
            rows.getFirst()[0] = text.last();
            TokenTree tree = new TokenTree(text.last());
            for (List<Integer> rest :
                    pool.getOrDefault(text.last(), new LinkedHashSet<>()).reversed()) {
                tree.proposeChain(
                        0, rest.stream().mapToInt(token -> token).limit(deepest).toArray());
            }
            nodes = new int[rows.size()][options.window];
            for (int row = 0; row < rows.size(); row++) {
                for (int column = 0; column < options.window; column++) {
                    int above = row > 0 ? nodes[row - 1][column] : column > 0 ? nodes[0][column - 1] : -1;
                    nodes[row][column] = above < 0 ? 0 : tree.readAlong(above, rows.get(row)[column]);
                }
            }
            return tree;
        }

        @Override
        public void verified(Verified outcome) {
            int[] bottom = nodes[nodes.length - 1];
            int[] answers = IntStream.of(bottom).map(outcome::likeliest).toArray();
            boolean complete = rows.size() == options.ngram - 1;
            if (complete) {
                for (int column = 0; column < options.window; column++) {
                    remember(column, answers[column]);
                }
                rows.removeFirst();
            }
            rows.add(answers);
            // A row stands one position further than the one above it: in the place of that one it is one position
            // ahead.
            int places = outcome.path().length + (complete ? 0 : 1);
            rows.forEach(row -> shift(row, places));
        }

        private void remember(int column, int answer) {
            List<Integer> ngram = new ArrayList<>();
            rows.forEach(row -> ngram.add(row[column]));
            ngram.add(answer);
            SequencedSet<List<Integer>> known = pool.computeIfAbsent(ngram.getFirst(), token -> new LinkedHashSet<>());
            List<Integer> rest = List.copyOf(ngram.subList(1, ngram.size()));
            known.remove(rest);
            known.add(rest);
            if (known.size() > options.proposals) {
                known.removeFirst();
            }
        }

        /** Moves a row to the left; its last guess stays where nothing comes after it. */
        private static void shift(int[] row, int places) {
            int last = row[row.length - 1];
            int moved = Math.min(places, row.length);
            System.arraycopy(row, moved, row, 0, row.length - moved);
            Arrays.fill(row, row.length - moved, row.length, last);
        }
    }
}
