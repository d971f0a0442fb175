package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Longformer: a sliding window, and a few global positions that see all and are seen by all, so that what is far apart is two steps apart (Section 3.1).
 *
 * <p>Deviations: in a causal model a window has one side, and the global positions are the first ones of the text, which everyone may see; they have no
 * projections of their own and windows are not dilated, for a trained model has neither.
 *
 * <p>Try: {@code longformer:window=64,global=4} against {@code sliding-window:window=64}: how much do four positions bring back?
 */
@Paper(survey = 130)
public final class Longformer extends AttentionTechnique<Longformer.Options> {
    /** Queries of a tile. */
    private static final int QUERIES = 128;

    /**
     * @param window positions that a query sees, its own among them
     * @param global positions at the beginning of the text that see and are seen
     */
    public record Options(int window, int global) {
        public Options {
            positive(window, "window");
            if (global < 0) {
                throw new IllegalArgumentException("global must not be negative, not " + global);
            }
        }
    }

    @Override
    public String name() {
        return "longformer";
    }

    @Override
    public String idea() {
        return "Each position attends to a window of neighbours and to a few global positions at the "
                + "beginning of the text. Time grows with the length of the text instead of its square, and the "
                + "global positions are seen from everywhere.";
    }

    @Override
    public Options defaults() {
        return new Options(512, 1);
    }

    @Override
    public List<String> showcase() {
        return List.of("longformer:window=256", "longformer:window=64,global=4");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        Pattern pattern = new Pattern(new SlidingWindow.Window(options.window), options.global);
        return before.withKernel(new PatternAttention(name(), pattern, QUERIES));
    }

    private record Pattern(SlidingWindow.Window window, int global) implements PatternAttention.Pattern {
        @Override
        public boolean sees(int query, int key) {
            return query < global || key < global || window.sees(query, key);
        }

        @Override
        public Coverage coverage(int firstQuery, int lastQuery, int firstKey, int lastKey) {
            if (lastQuery < global || lastKey < global) {
                return Coverage.ALL;
            }
            Coverage near = window.coverage(firstQuery, lastQuery, firstKey, lastKey);
            boolean someGlobal = firstQuery < global || firstKey < global;
            return near == Coverage.NONE && someGlobal ? Coverage.SOME : near;
        }
    }
}
