package parsimony.kvcache;

import java.util.List;
import parsimony.core.model.ContiguousKvCache;
import parsimony.core.model.KvCache;
import parsimony.core.model.TransformerConfig;

/** Every key and value in one array that grows: what all other caches are compared with. */
public final class Full extends CacheTechnique<Full.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "full";
    }

    @Override
    public String idea() {
        return "The keys and values of every token are kept as floats in one array that grows. It saves "
                + "nothing and is what the other caches are compared with: nothing is forgotten, and every "
                + "token of the text takes more memory.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public List<String> showcase() {
        return List.of("full");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        return ContiguousKvCache::new;
    }
}
