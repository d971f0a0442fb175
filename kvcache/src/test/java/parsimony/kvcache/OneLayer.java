package parsimony.kvcache;

import java.util.Arrays;
import java.util.stream.IntStream;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.KvCache;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;

/** A model whose keys and values depend on their tokens alone, so that a cache can be checked against a shorter text. */
final class OneLayer {
    private OneLayer() {}

    static Transformer model() {
        return TinyModels.random(
                new TransformerConfig(
                        13, 8, 12, 1, 6, 2, 4, 64, 1e-5f, new RopeConfig(100, true, null), true, true, 1, 2),
                4);
    }

    /** The logits after a whole text that is read without a cache. */
    static float[] last(Transformer model, int... text) {
        float[] logits = model.forward(ForwardContext.batch(CacheContract.OPS, text, text.length))
                .array();
        return Arrays.copyOfRange(logits, logits.length - 13, logits.length);
    }

    /** How many of {@code count} entries that came one after the other a head of the model's cache keeps. */
    static int entries(Transformer model, int count) {
        KvCache cache =
                ((LlamaBlock) model.blocks().getFirst()).attention().cache().create(2, 4);
        CacheDriver driver = new CacheDriver(cache, 2, 4);
        IntStream.range(0, count).forEach(i -> {
            driver.append(1);
            driver.commit(1);
        });
        return driver.positions(1).length;
    }
}
