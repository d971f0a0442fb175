package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Sliding-window attention: a query sees itself and the window − 1 positions before it (Section 2). Layer upon layer the reach grows, so that the last of k
 * layers depends on k · window positions, while time and, with a rolling cache, memory grow with the window alone.
 *
 * <p>The cache here keeps what has left the window; tiles that lie outside are not read.
 *
 * <p>Try: {@code sliding-window:window=256}, and narrower ones, until the loss rises.
 */
@Paper(title = "Mistral 7B", venue = "arXiv", year = 2023, link = "https://arxiv.org/abs/2310.06825")
public final class SlidingWindow extends AttentionTechnique<SlidingWindow.Options> {
    /** Queries of a tile. */
    private static final int QUERIES = 128;

    /** @param window positions that a query sees, its own among them */
    public record Options(int window) {
        public Options {
            positive(window, "window");
        }
    }

    @Override
    public String name() {
        return "sliding-window";
    }

    @Override
    public String idea() {
        return "Each position attends only to itself and to a fixed number of positions before it. Time "
                + "grows with the length of the text instead of its square, and layer upon layer still passes "
                + "on what lies further back.";
    }

    @Override
    public Options defaults() {
        return new Options(4096);
    }

    @Override
    public List<String> showcase() {
        return List.of("sliding-window:window=256", "sliding-window:window=64");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withKernel(new PatternAttention(name(), new Window(options.window), QUERIES));
    }

    /** Those that are less than {@code size} apart. */
    record Window(int size) implements PatternAttention.Pattern {
        @Override
        public boolean sees(int query, int key) {
            return Math.abs(query - key) < size;
        }

        @Override
        public Coverage coverage(int firstQuery, int lastQuery, int firstKey, int lastKey) {
            if (firstQuery - lastKey >= size || firstKey - lastQuery >= size) {
                return Coverage.NONE;
            }
            boolean farthestSeen = lastQuery - firstKey < size && lastKey - firstQuery < size;
            return farthestSeen ? Coverage.ALL : Coverage.SOME;
        }
    }
}
