package parsimony.kvcache;

import parsimony.core.model.Block;
import parsimony.core.model.KvCache;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;

/** A technique that gives every block of a model another cache. Of several that are applied, the last one's cache is used. */
abstract class CacheTechnique<O extends Record> implements Technique<O> {
    /**
     * What makes the caches of a model.
     *
     * @throws TechniqueException if the options do not fit the model
     */
    abstract KvCache.Factory cache(TransformerConfig config, O options);

    @Override
    public final Transformer apply(Transformer model, O options, TechniqueContext context) {
        KvCache.Factory cache = cache(model.config(), options);
        Transformer result = model.copy();
        for (Block block : result.blocks()) {
            if (!(block instanceof LlamaBlock llama)) {
                throw new TechniqueException(name() + " needs blocks that keep keys and values, not "
                        + block.getClass().getSimpleName());
            }
            llama.setAttention(llama.attention().withCache(cache));
        }
        return result;
    }

    @Override
    public final Suite suite() {
        return Suite.KVCACHE;
    }

    /** The length that shares are of: what the option says, or the model's context. */
    static int length(Integer stated, TransformerConfig config) {
        return stated == null ? config.contextLength() : stated;
    }

    static void checkLength(Integer length) {
        if (length != null && length < 1) {
            throw new IllegalArgumentException("length must be at least 1 or none, not " + length);
        }
    }
}
