package parsimony.kvcache;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.model.AttentionMass;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueException;

/**
 * Scissorhands: tokens that mattered once go on mattering. A head that is full looks back at the last {@code window} queries, counts how many of them gave an entry less than the
 * average 1 / t of the t entries that they saw, and drops the share {@code drop} of the budget with the highest counts, all at once; the newest {@code recent} entries stay (Alg. 1 and 2).
 *
 * <p>Deviations: what entries did not see, because they came later, does not count against them; of entries with equal counts the earlier stay; the query heads that share a
 * key/value head are averaged; all layers have the same budget, where the paper gives later ones more; and a prompt is read in passes, with a choice after each, so that a head that
 * is far above its budget drops as much as it must.
 *
 * <p>Try: {@code scissorhands:budget=0.2} beside {@code h2o}, which has as many entries.
 */
@Paper(survey = 112)
public final class Scissorhands extends CacheTechnique<Scissorhands.Options> {
    /**
     * @param budget the most entries of a head, or their share of the length
     * @param window queries that are looked back at
     * @param recent newest entries that are never dropped
     * @param drop share of the budget that goes at once, of what is not recent
     * @param length tokens that shares are of; none for the model's context
     */
    public record Options(Budget budget, int window, int recent, double drop, Integer length) {
        public Options {
            checkLength(length);
            if (budget == null || budget.resolve(Integer.MAX_VALUE) < 1) {
                throw new IllegalArgumentException("budget must be at least one token, not " + budget);
            }
            if (window < 1) {
                throw new IllegalArgumentException("window must be at least 1, not " + window);
            }
            if (recent < 1) {
                throw new IllegalArgumentException("recent must be at least 1, not " + recent);
            }
            if (!(drop >= 0 && drop < 1)) {
                throw new IllegalArgumentException("drop must be at least 0 and below 1, not " + drop);
            }
        }
    }

    @Override
    public String name() {
        return "scissorhands";
    }

    @Override
    public String idea() {
        return "A head that is full drops, many at once, the tokens to which its latest queries paid less "
                + "attention than the average. It counts on what mattered once to matter again, and the cache "
                + "keeps to a budget however long the text is.";
    }

    @Override
    public Options defaults() {
        return new Options(Budget.parse("0.5"), 400, 10, 0.5, null);
    }

    @Override
    public List<String> showcase() {
        return List.of("scissorhands:budget=0.2", "scissorhands:budget=0.5", "scissorhands:budget=0.1,recent=5");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        int budget = options.budget.resolve(length(options.length, config));
        if (budget < options.recent) {
            throw new TechniqueException("scissorhands: a budget of " + budget + " tokens is less than recent="
                    + options.recent + ", which are never dropped");
        }
        int left = Math.max(options.recent, budget - (int) (options.drop * budget));
        return (heads, headSize) -> new EvictingKvCache(
                heads,
                headSize,
                () -> new Persistence(budget, left, options.window, options.recent, 0, List.of()),
                false);
    }

    private static final class Persistence implements EvictionPolicy {
        private final int budget;
        private final int left;
        private final int window;
        private final int recent;
        private long queries;
        /** For each entry, which of the last {@code window} queries gave it less than the average; query n at bit n mod window. */
        private BitSet[] low;

        Persistence(int budget, int left, int window, int recent, long queries, List<BitSet> low) {
            this.budget = budget;
            this.left = left;
            this.window = window;
            this.recent = recent;
            this.queries = queries;
            this.low = low.stream().map(bits -> (BitSet) bits.clone()).toArray(BitSet[]::new);
        }

        @Override
        public boolean observesAttention() {
            return true;
        }

        @Override
        public void observe(AttentionMass mass, int head, int committed, int tentative, int firstRow, int[] kept) {
            int known = low.length;
            low = Arrays.copyOf(low, committed + tentative);
            for (int i = known; i < low.length; i++) {
                low[i] = new BitSet(window);
            }
            int first = Math.max(0, kept.length - window);
            int[] rows = Arrays.copyOfRange(kept, first, kept.length);
            for (int query = first; query < kept.length; query++) {
                int bit = (int) ((queries + query) % window);
                Arrays.stream(low).forEach(bits -> bits.clear(bit));
            }
            mass.forEach(head, rows, tile -> {
                for (int i = 0; i < tile.probabilities().rows(); i++) {
                    int row = tile.firstQuery() + i;
                    int query = Arrays.binarySearch(kept, row);
                    // Alg. 2: the indicator of less than 1 / t; the probabilities are sums over the group.
                    float average = (float) mass.group() / (committed + firstRow + query + 1);
                    int bit = (int) ((queries + query) % window);
                    for (int key = 0; key < tile.probabilities().columns(); key++) {
                        boolean seen = tile.firstRow() + key <= firstRow + row;
                        if (seen && tile.probabilities().get(i, key) < average) {
                            low[committed + tile.firstRow() + key].set(bit);
                        }
                    }
                }
            });
            queries += kept.length;
        }

        @Override
        public int[] keep(int size) {
            if (size <= budget) {
                return IntStream.range(0, size).toArray();
            }
            double[] scores =
                    Arrays.stream(low).mapToDouble(bits -> -bits.cardinality()).toArray();
            return EvictionPolicy.best(scores, size, left - recent, recent);
        }

        @Override
        public void retain(int[] kept) {
            low = Arrays.stream(kept)
                    .mapToObj(entry -> entry < low.length ? low[entry] : new BitSet(window))
                    .toArray(BitSet[]::new);
        }

        @Override
        public EvictionPolicy copy() {
            return new Persistence(budget, left, window, recent, queries, List.of(low));
        }

        @Override
        public long bytes() {
            return Arrays.stream(low).mapToLong(bits -> bits.size() / 8).sum();
        }
    }
}
