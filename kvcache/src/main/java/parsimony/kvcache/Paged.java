package parsimony.kvcache;

import java.util.List;
import parsimony.core.model.KvCache;
import parsimony.core.model.Sequence;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;

/**
 * PagedAttention: the keys and values of a sequence lie in blocks of a common pool, wherever one was free, and a table says where (Section 4.1). Nothing is set aside for tokens that may
 * never come, so that more sequences fit in the same memory; and sequences with the same beginning share its blocks until one of them writes (Section 4.4): see {@link
 * Sequence#fork} and {@link BlockPool}.
 *
 * <p>Deviations: every layer has a table of its own, which lets layers differ; and where the paper's kernel follows the table, ours, which may be any, is given one tile, so that it adds
 * in the same order and gives the same bits as without pages: a view if the blocks lie next to one another, and a copy otherwise. To make copies rare, a sequence that has no room to
 * grow moves to where there is some. Swapping and recomputing of preempted sequences (Section 4.5) are left to the caller, who is told when the pool is full.
 *
 * <p>Try: {@code paged:limit=4m}, and read until it is full.
 */
@Paper(survey = {261, 268})
public final class Paged extends CacheTechnique<Paged.Options> {
    /**
     * @param blockSize tokens of a block
     * @param limit bytes of all blocks together
     */
    public record Options(int blockSize, MemoryLimit limit) {
        public Options {
            if (blockSize < 1) {
                throw new IllegalArgumentException("blockSize must be at least 1, not " + blockSize);
            }
            if (limit == null) {
                throw new IllegalArgumentException("limit must be a number of bytes");
            }
        }
    }

    @Override
    public String name() {
        return "paged";
    }

    @Override
    public String idea() {
        return "Keys and values lie in small blocks of a common pool, and a table says where each block is. "
                + "No memory is set aside for tokens that may never come, and texts that begin alike share "
                + "their first blocks.";
    }

    @Override
    public Options defaults() {
        return new Options(16, MemoryLimit.parse("1g"));
    }

    @Override
    public List<String> showcase() {
        return List.of("paged");
    }

    @Override
    KvCache.Factory cache(TransformerConfig config, Options options) {
        return new Pages(new BlockPool(config.keyValueHeads(), config.headSize(), options.blockSize, options.limit));
    }

    /** Caches that share a pool. */
    record Pages(BlockPool pool) implements KvCache.Factory {
        @Override
        public KvCache create(int keyValueHeads, int headSize) {
            return new PagedKvCache(pool, keyValueHeads, headSize);
        }
    }
}
