package parsimony.kvcache;

import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;

/**
 * StreamingLLM: the first tokens of a text, on which heads park the attention that they have no use for, stay for ever beside a window of the newest ones (Section 3.2). Keys
 * are kept before rotation and turned, whenever they are read, to their places in the cache, not in the text, so that no distance is ever longer than those the model was trained
 * on. A text can then be of any length in constant memory; what has left the window is forgotten all the same.
 *
 * <p>The tokens of a pass count among the recent ones: older ones make room before they are read, as in the authors' code for prompts. With {@code room=false} entries
 * leave after a pass, as in that code's evaluation, and a pass of n tokens sees n entries more. Two deviations: entries that make room are hidden first and leave when the pass is
 * committed, so that it can be rolled back; and a token tree's branches stand at the places of their depths. Only rotations know of places in the cache: an encoding that biases scores by distance would see those in the text.
 *
 * <p>Try: {@code streaming-llm:sinks=0}, the same without sinks: on the embedded model, with a fifth of the context, that loses half as much again.
 */
@Paper(survey = 166)
public final class StreamingLlm extends CacheTechnique<StreamingLlm.Options> {
    /**
     * @param sinks entries at the beginning of the text that stay
     * @param recent newest entries that stay beside them, or their share of the length
     * @param room whether the tokens that are being read count among the recent ones
     * @param length tokens that shares are of; none for the model's context
     */
    public record Options(int sinks, Budget recent, boolean room, Integer length) {
        public Options {
            checkLength(length);
            if (sinks < 0) {
                throw new IllegalArgumentException("sinks must be 0 or more, not " + sinks);
            }
            if (recent == null || recent.resolve(Integer.MAX_VALUE) < 1) {
                throw new IllegalArgumentException("recent must be at least one token, not " + recent);
            }
        }
    }

    @Override
    public String name() {
        return "streaming-llm";
    }

    @Override
    public String idea() {
        return "The first few tokens stay for ever beside a window of the newest ones, and positions are "
                + "counted within the cache. Memory is constant and a text may be of any length, though what "
                + "has left the window is forgotten.";
    }

    @Override
    public Options defaults() {
        return new Options(4, Budget.of(1020), true, null);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "streaming-llm:recent=0.2",
                "streaming-llm:recent=0.5",
                "streaming-llm:recent=0.1",
                "streaming-llm:sinks=0,recent=0.2");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        int recent = Math.max(1, options.recent.resolve(length(options.length, config)));
        SinksAndRecent policy = new SinksAndRecent(options.sinks, recent, options.room);
        return (heads, headSize) -> new EvictingKvCache(heads, headSize, () -> policy, true);
    }

    record SinksAndRecent(int sinks, int recent, boolean room) implements EvictionPolicy {
        @Override
        public int[] keep(int size) {
            return size <= sinks + recent
                    ? IntStream.range(0, size).toArray()
                    : EvictionPolicy.ends(size, sinks, recent);
        }

        @Override
        public Hidden hidden(int committed, int tentative) {
            int tooMany = Math.min(committed + tentative - sinks - recent, committed - sinks);
            return room && tooMany > 0 ? new Hidden(sinks, tooMany) : Hidden.NONE;
        }

        @Override
        public EvictionPolicy copy() {
            return this;
        }
    }
}
