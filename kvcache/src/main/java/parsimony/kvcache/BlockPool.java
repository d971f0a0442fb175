package parsimony.kvcache;

import java.util.Arrays;
import java.util.BitSet;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueException;

/**
 * The memory of all sequences of a model that caches in pages: equal blocks, each of which holds the keys and values of some tokens of one layer, counts who refers to it, and is free
 * again when nobody does. Memory grows as it is needed, up to the limit and never beyond; only while it grows the old array of one head stands beside the new one.
 *
 * <p>The sequences of one pool must be used by one thread at a time.
 */
public final class BlockPool {
    private static final int FIRST_BLOCKS = 64;

    private final int blockSize;
    private final int headSize;
    private final int mostBlocks;
    private final MemoryLimit limit;
    private final float[][] keys;
    private final float[][] values;
    private final BitSet used = new BitSet();
    private int[] references = new int[0];
    private int peak;

    /** @throws TechniqueException if not even one block fits in the limit */
    BlockPool(int keyValueHeads, int headSize, int blockSize, MemoryLimit limit) {
        this.blockSize = blockSize;
        this.headSize = headSize;
        this.limit = limit;
        keys = new float[keyValueHeads][0];
        values = new float[keyValueHeads][0];
        mostBlocks = (int) Math.min(limit.bytes() / blockBytes(), Integer.MAX_VALUE / ((long) blockSize * headSize));
        if (mostBlocks == 0) {
            throw new TechniqueException(
                    "limit=" + limit + " is less than the " + blockBytes() + " bytes of one block of the cache");
        }
    }

    /**
     * The pool of a model's sequences.
     *
     * @throws IllegalArgumentException if the model does not cache in pages
     */
    public static BlockPool of(Transformer model) {
        if (model.blocks().getFirst() instanceof LlamaBlock block
                && block.attention().cache() instanceof Paged.Pages pages) {
            return pages.pool();
        }
        throw new IllegalArgumentException("the model does not keep its keys and values in pages");
    }

    /** Tokens of a block. */
    public int blockSize() {
        return blockSize;
    }

    /** Bytes of a block: keys and values of all heads of one layer. */
    public long blockBytes() {
        return 2L * Float.BYTES * keys.length * blockSize * headSize;
    }

    /** Blocks that someone refers to. */
    public int blocksUsed() {
        return used.cardinality();
    }

    /** The largest that {@link #blocksUsed} has been. */
    public int peakBlocksUsed() {
        return peak;
    }

    /** Blocks that fit in the limit. */
    public int blocksAtMost() {
        return mostBlocks;
    }

    /** Bytes that are held for blocks, used and free; at most the limit. */
    public long bytes() {
        return references.length * blockBytes();
    }

    /** How many refer to a block. */
    int references(int block) {
        return references[block];
    }

    /**
     * Makes sure that {@code count} blocks can be taken.
     *
     * @throws TechniqueException if they cannot
     */
    void require(int count) {
        int inUse = blocksUsed();
        if (count > mostBlocks - inUse) {
            throw new TechniqueException("the cache is full: " + inUse + " of the " + mostBlocks + " blocks that limit="
                    + limit + " holds are in use and " + count
                    + " more are needed; close or shorten sequences, or raise the limit");
        }
        if (inUse + count > references.length) {
            grow((int) Math.min(mostBlocks, Math.max(inUse + count, Math.max(FIRST_BLOCKS, 2L * references.length))));
        }
    }

    private void grow(int blocks) {
        references = Arrays.copyOf(references, blocks);
        for (int head = 0; head < keys.length; head++) {
            keys[head] = Arrays.copyOf(keys[head], blocks * blockSize * headSize);
            values[head] = Arrays.copyOf(values[head], blocks * blockSize * headSize);
        }
    }

    /**
     * Takes a free block, the one behind {@code previous} if it can, so that a sequence is read in one piece. A first block, and one whose place is taken, comes from the middle of
     * the longest free run, where there is room behind it.
     *
     * @param previous −1 for none
     */
    int take(int previous) {
        require(1);
        int block = previous + 1;
        if (previous < 0 || block >= references.length || used.get(block)) {
            block = middleOfLongestRun();
        }
        used.set(block);
        references[block] = 1;
        peak = Math.max(peak, blocksUsed());
        return block;
    }

    private int middleOfLongestRun() {
        int best = 0;
        int longest = 0;
        for (int start = used.nextClearBit(0); start < references.length; ) {
            int next = used.nextSetBit(start);
            int end = next < 0 ? references.length : next;
            if (end - start > longest) {
                longest = end - start;
                best = start == 0 ? 0 : start + longest / 2;
            }
            start = used.nextClearBit(end);
        }
        return best;
    }

    /** Whether the {@code count} blocks from {@code first} on are there and free. */
    boolean isFree(int first, int count) {
        int next = used.nextSetBit(first);
        return first + count <= references.length && (next < 0 || next >= first + count);
    }

    /** Where so many free blocks lie next to one another, or −1 if there is no such place within the limit. */
    int freeRun(int count) {
        for (int start = used.nextClearBit(0); start < references.length; ) {
            int next = used.nextSetBit(start);
            int end = next < 0 ? references.length : next;
            if (end - start >= count) {
                return start;
            }
            start = used.nextClearBit(end);
        }
        int afterLast = used.length();
        if (count > mostBlocks - afterLast) {
            return -1;
        }
        grow((int) Math.min(mostBlocks, Math.max(afterLast + count, 2L * references.length)));
        return afterLast;
    }

    /**
     * Moves blocks to a free run, where they then lie one after the other.
     *
     * @param table blocks that nobody else refers to, which are replaced
     * @param first of the run
     */
    void move(int[] table, int count, int first) {
        for (int i = 0; i < count; i++) {
            int to = first + i;
            copy(table[i], to, blockSize);
            used.set(to);
            references[to] = 1;
            release(table[i]);
            table[i] = to;
        }
    }

    void share(int block) {
        references[block]++;
    }

    void release(int block) {
        if (--references[block] == 0) {
            used.clear(block);
        }
    }

    /** Copies the first {@code tokens} of a block into another. */
    void copy(int from, int to, int tokens) {
        int blockFloats = blockSize * headSize;
        for (int head = 0; head < keys.length; head++) {
            System.arraycopy(keys[head], from * blockFloats, keys[head], to * blockFloats, tokens * headSize);
            System.arraycopy(values[head], from * blockFloats, values[head], to * blockFloats, tokens * headSize);
        }
    }

    /** [blocks · blockSize, headSize] of a head; others may grow the pool, after which it is another array. */
    float[] keys(int head) {
        return keys[head];
    }

    /** [blocks · blockSize, headSize] of a head; others may grow the pool, after which it is another array. */
    float[] values(int head) {
        return values[head];
    }
}
