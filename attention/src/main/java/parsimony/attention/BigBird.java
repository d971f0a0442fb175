package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * BigBird: blocks of queries see blocks of keys: those in a window around them, global ones that see all and are seen by all, and a few at random
 * (Section 2). Such a graph has short paths between any two positions, as a random one has, and the neighbourhoods of a ring; attention along it can
 * approximate any function on sequences that full attention can.
 *
 * <p>Deviations: in a causal model the window is a block and those before it, and the global blocks are the first of the text. Random blocks come from
 * the blocks between the two, cut into as many equal stretches as blocks are drawn, one from each, so that none is drawn twice. They depend on the seed, the
 * layer and the block of the query alone: a text that is read on sees what it would have seen if read at once. The heads of a layer share them.
 *
 * <p>Try: {@code bigbird:block=32} against {@code bigbird:block=32,random=0}.
 */
@Paper(survey = 129)
public final class BigBird extends AttentionTechnique<BigBird.Options> {
    /**
     * @param block positions of a block
     * @param window blocks of the window, the query's own among them
     * @param global blocks at the beginning of the text that see and are seen
     * @param random blocks that are drawn for each block of queries
     */
    public record Options(int block, int window, int global, int random) {
        public Options {
            positive(block, "block");
            positive(window, "window");
            if (global < 0) {
                throw new IllegalArgumentException("global must not be negative, not " + global);
            }
            if (random < 0) {
                throw new IllegalArgumentException("random must not be negative, not " + random);
            }
        }
    }

    @Override
    public String name() {
        return "bigbird";
    }

    @Override
    public String idea() {
        return "Blocks of positions attend to their neighbours, to a few global blocks and to a few blocks "
                + "drawn at random. Time grows with the length of the text instead of its square, and the "
                + "random links keep the way between any two positions short.";
    }

    @Override
    public Options defaults() {
        return new Options(64, 3, 2, 3);
    }

    @Override
    public List<String> showcase() {
        return List.of("bigbird:block=32", "bigbird:block=16");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        Pattern pattern = new Pattern(options, mix(context.seed() + block));
        return before.withKernel(new PatternAttention(name(), pattern, Math.max(16, options.block)));
    }

    record Pattern(Options options, long seed) implements PatternAttention.Pattern {
        @Override
        public boolean sees(int query, int key) {
            return blocksSee(query / options.block, key / options.block);
        }

        private boolean blocksSee(int query, int key) {
            if (query < options.global || key < options.global || Math.abs(query - key) < options.window) {
                return true;
            }
            int candidates = query - options.window + 1 - options.global;
            for (int i = 0; i < options.random && key < query; i++) {
                int from = (int) ((long) candidates * i / options.random);
                int to = (int) ((long) candidates * (i + 1) / options.random);
                int place = key - options.global;
                if (place >= from && place < to) {
                    return place == from + Long.remainderUnsigned(mix(seed + query * 31L + i), to - from);
                }
            }
            return false;
        }

        @Override
        public Coverage coverage(int firstQuery, int lastQuery, int firstKey, int lastKey) {
            boolean some = false;
            boolean all = true;
            for (int query = firstQuery / options.block; query <= lastQuery / options.block; query++) {
                for (int key = firstKey / options.block; key <= lastKey / options.block; key++) {
                    boolean sees = blocksSee(query, key);
                    some |= sees;
                    all &= sees;
                }
            }
            return all ? Coverage.ALL : some ? Coverage.SOME : Coverage.NONE;
        }
    }

    /** SplitMix64's finalizer (Steele et al., 2014): spreads the bits of a number that counts. */
    private static long mix(long x) {
        long z = (x + 0x9e3779b97f4a7c15L) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
