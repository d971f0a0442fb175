package parsimony.kvcache;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.model.AttentionMass;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;

/**
 * H2O: a few tokens, the heavy hitters, receive most of the attention, and go on receiving it. Each head keeps those whose attention, added over all queries so far, is
 * largest, and the newest ones, which had no time to collect any (Section 4.2, Alg. 1): when it holds more than heavy + recent entries, the ones outside the newest {@code
 * recent} with the smallest sums go, and their sums with them.
 *
 * <p>As in the authors' code: sums are taken over the query heads that share a key/value head, keys keep the rotation of their places in the text, and what leaves does so after the pass in
 * which it became too much. With {@code room=true} it is their simulation with masks: once the budget was exceeded, the token that is being read counts among the recent ones, so
 * that the oldest of these is hidden from it. A deviation: shares are of a length that is stated, the model's context by default, where that code takes the length of the
 * prompt; and a long prompt is read in several passes, with a choice after each.
 *
 * <p>Try: {@code h2o:heavy=0.1,recent=0.1} beside {@code window:recent=0.2}: on the embedded model, whose attention is mostly for neighbours, the window is ahead on
 * ordinary text at this budget, but of a name that was declared long ago it knows nothing, where heavy hitters remember.
 */
@Paper(survey = 111)
public final class H2o extends CacheTechnique<H2o.Options> {
    /**
     * @param heavy entries that stay for the attention they received, or their share of the length
     * @param recent newest entries that stay beside them, or their share of the length
     * @param room whether the tokens that are being read count among the recent ones
     * @param length tokens that shares are of; none for the model's context
     */
    public record Options(Budget heavy, Budget recent, boolean room, Integer length) {
        public Options {
            checkLength(length);
            if (heavy == null) {
                throw new IllegalArgumentException("heavy must be a number of tokens or a share of the length");
            }
            if (recent == null || recent.resolve(Integer.MAX_VALUE) < 1) {
                throw new IllegalArgumentException("recent must be at least one token, not " + recent);
            }
        }
    }

    @Override
    public String name() {
        return "h2o";
    }

    @Override
    public String idea() {
        return "Each head keeps the tokens that received most attention so far and the newest ones, and "
                + "drops the others. It counts on a few tokens receiving most of the attention, and the cache "
                + "then keeps to a budget however long the text is.";
    }

    @Override
    public Options defaults() {
        return new Options(Budget.parse("0.1"), Budget.parse("0.1"), false, null);
    }

    @Override
    public List<String> showcase() {
        return List.of("h2o:heavy=0.1,recent=0.1", "h2o:heavy=0.25,recent=0.25", "h2o:heavy=0.05,recent=0.05");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        int length = length(options.length, config);
        int heavy = options.heavy.resolve(length);
        int recent = Math.max(1, options.recent.resolve(length));
        return (heads, headSize) ->
                new EvictingKvCache(heads, headSize, () -> new HeavyHitters(heavy, recent, options.room), false);
    }

    static final class HeavyHitters implements EvictionPolicy {
        private final int heavy;
        private final int recent;
        private final boolean room;
        private boolean full;
        /** The attention that each entry has received. */
        double[] scores = new double[0];

        HeavyHitters(int heavy, int recent, boolean room) {
            this.heavy = heavy;
            this.recent = recent;
            this.room = room;
        }

        @Override
        public boolean observesAttention() {
            return true;
        }

        @Override
        public void observe(AttentionMass mass, int head, int committed, int tentative, int firstRow, int[] rows) {
            scores = Arrays.copyOf(scores, committed + tentative);
            mass.addTo(head, rows, scores, committed);
        }

        @Override
        public int[] keep(int size) {
            if (size <= heavy + recent) {
                return IntStream.range(0, size).toArray();
            }
            full = true;
            return EvictionPolicy.best(scores, size, heavy, recent);
        }

        @Override
        public Hidden hidden(int committed, int tentative) {
            return room && full ? new Hidden(heavy, Math.min(tentative, recent)) : Hidden.NONE;
        }

        @Override
        public void retain(int[] kept) {
            double[] left = new double[kept.length];
            for (int i = 0; i < kept.length; i++) {
                left[i] = kept[i] < scores.length ? scores[kept[i]] : 0;
            }
            scores = left;
        }

        @Override
        public EvictionPolicy copy() {
            HeavyHitters copy = new HeavyHitters(heavy, recent, room);
            copy.full = full;
            copy.scores = scores.clone();
            return copy;
        }

        @Override
        public long bytes() {
            return (long) Double.BYTES * scores.length;
        }
    }
}
