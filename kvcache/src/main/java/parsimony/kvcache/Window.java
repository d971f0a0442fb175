package parsimony.kvcache;

import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;

/**
 * The newest entries alone, with the rotation of their places in the text: the baseline that breaks. As soon as the first tokens leave the window, the softmax loses the entries that
 * took up whatever attention the others had no use for, and predictions of a model that relies on them collapse (Xiao et al., 2023, Section 3.1).
 *
 * <p>Try: {@code window:recent=256} beside {@code streaming-llm:recent=252}.
 */
public final class Window extends CacheTechnique<Window.Options> {
    /**
     * @param recent entries that are kept, or their share of the length
     * @param length tokens that shares are of; none for the model's context
     */
    public record Options(Budget recent, Integer length) {
        public Options {
            checkLength(length);
            if (recent == null || recent.resolve(Integer.MAX_VALUE) < 1) {
                throw new IllegalArgumentException("recent must be at least one token, not " + recent);
            }
        }
    }

    @Override
    public String name() {
        return "window";
    }

    @Override
    public String idea() {
        return "Only the keys and values of the newest tokens are kept, and all older ones are dropped. "
                + "Memory no longer grows with the text, but what is older is forgotten, and a model that parks "
                + "attention on the first tokens breaks.";
    }

    @Override
    public Options defaults() {
        return new Options(Budget.of(1024), null);
    }

    @Override
    public List<String> showcase() {
        return List.of("window:recent=0.2", "window:recent=0.5", "window:recent=0.1");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        int recent = Math.max(1, options.recent.resolve(length(options.length, config)));
        return (heads, headSize) -> new EvictingKvCache(heads, headSize, () -> new Newest(recent), false);
    }

    private record Newest(int recent) implements EvictionPolicy {
        @Override
        public int[] keep(int size) {
            return IntStream.range(Math.max(0, size - recent), size).toArray();
        }

        @Override
        public EvictionPolicy copy() {
            return this;
        }
    }
}
