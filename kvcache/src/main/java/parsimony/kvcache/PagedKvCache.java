package parsimony.kvcache;

import java.util.Arrays;
import java.util.List;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Matrix;

/** The block table of one layer of one sequence. A block that is shared is copied before anything is written to it. */
final class PagedKvCache implements KvCache {
    private final BlockPool pool;
    private final int heads;
    private final int headSize;
    private final int blockSize;
    private int[] table = new int[4];
    private int blocks;
    private int[] positions;
    private int committed;
    private int size;

    PagedKvCache(BlockPool pool, int heads, int headSize) {
        this.pool = pool;
        this.heads = heads;
        this.headSize = headSize;
        blockSize = pool.blockSize();
        positions = new int[4 * blockSize];
    }

    /**
     * {@inheritDoc}
     *
     * @throws TechniqueException if the pool is full; nothing has been added then
     */
    @Override
    public void append(Matrix keys, Matrix values, int[] newPositions, int first) {
        int count = keys.rows();
        boolean copyLast = size % blockSize != 0 && pool.references(table[blocks - 1]) > 1;
        int more = Math.ceilDiv(size + count, blockSize) - blocks;
        pool.require(more + (copyLast ? 1 : 0));
        if (copyLast) {
            replaceLast();
        }
        addBlocks(more);
        if (size + count > positions.length) {
            positions = Arrays.copyOf(positions, Math.max(size + count, 2 * positions.length));
        }
        System.arraycopy(newPositions, first, positions, size, count);
        for (int head = 0; head < heads; head++) {
            for (int i = 0; i < count; i++) {
                int to = at(size + i);
                int column = head * headSize;
                System.arraycopy(
                        keys.data(), keys.offset() + i * keys.stride() + column, pool.keys(head), to, headSize);
                System.arraycopy(
                        values.data(), values.offset() + i * values.stride() + column, pool.values(head), to, headSize);
            }
        }
        size += count;
    }

    /** Copy on write: the last block, which is not full, becomes this cache's own. */
    private void replaceLast() {
        int shared = table[blocks - 1];
        int own = pool.take(blocks < 2 ? -1 : table[blocks - 2]);
        pool.copy(shared, own, size % blockSize);
        pool.release(shared);
        table[blocks - 1] = own;
    }

    private void addBlocks(int count) {
        if (count <= 0) {
            return;
        }
        if (blocks + count > table.length) {
            table = Arrays.copyOf(table, Math.max(blocks + count, 2 * table.length));
        }
        if (blocks > 0 && !(adjacent() == blocks && pool.isFree(table[blocks - 1] + 1, count))) {
            moveToMoreRoom(blocks + count);
        }
        for (int i = 0; i < count; i++) {
            table[blocks] = pool.take(blocks == 0 ? -1 : table[blocks - 1]);
            blocks++;
        }
    }

    /**
     * Moves to where there is room to grow by half, if there is any, so that the blocks lie next to one another for long and reading them needs no copy. What is shared stays where others look
     * for it.
     */
    private void moveToMoreRoom(int needed) {
        for (int i = 0; i < blocks; i++) {
            if (pool.references(table[i]) > 1) {
                return;
            }
        }
        int first = pool.freeRun(needed + needed / 2);
        if (first >= 0) {
            pool.move(table, blocks, first);
        }
    }

    /** How many blocks, from the first on, lie next to one another. */
    private int adjacent() {
        int adjacent = Math.min(blocks, 1);
        while (adjacent < blocks && table[adjacent] == table[adjacent - 1] + 1) {
            adjacent++;
        }
        return adjacent;
    }

    /** Where an entry lies in the pool's arrays. */
    private int at(int entry) {
        return (table[entry / blockSize] * blockSize + entry % blockSize) * headSize;
    }

    @Override
    public List<KeyValueTile> tiles(int head) {
        return List.of(
                new KeyValueTile(inOnePiece(pool.keys(head)), inOnePiece(pool.values(head)), positions, 0, -committed));
    }

    private Matrix inOnePiece(float[] pooled) {
        if (adjacent() == blocks) {
            return new Matrix(pooled, size == 0 ? 0 : at(0), size, headSize, headSize);
        }
        float[] gathered = new float[size * headSize];
        for (int entry = 0; entry < size; entry += blockSize) {
            int count = Math.min(blockSize, size - entry);
            System.arraycopy(pooled, at(entry), gathered, entry * headSize, count * headSize);
        }
        return Matrix.of(gathered, size, headSize);
    }

    @Override
    public void commit(int[] kept) {
        KvCache.checkKept(kept, size - committed);
        for (int i = 0; i < kept.length; i++) {
            int from = committed + kept[i];
            int to = committed + i;
            positions[to] = positions[from];
            for (int head = 0; from != to && head < heads; head++) {
                System.arraycopy(pool.keys(head), at(from), pool.keys(head), at(to), headSize);
                System.arraycopy(pool.values(head), at(from), pool.values(head), at(to), headSize);
            }
        }
        committed += kept.length;
        rollback();
    }

    @Override
    public void rollback() {
        size = committed;
        while (blocks > Math.ceilDiv(size, blockSize)) {
            pool.release(table[--blocks]);
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws TechniqueException if the pool is full; this can be only while there are tentative entries
     */
    @Override
    public PagedKvCache fork() {
        // A block that is not full and holds tentative entries is still being written to, so it is not shared.
        int shared = size == committed ? blocks : committed / blockSize;
        boolean copyLast = Math.ceilDiv(committed, blockSize) > shared;
        pool.require(copyLast ? 1 : 0);
        PagedKvCache fork = new PagedKvCache(pool, heads, headSize);
        fork.table = Arrays.copyOf(table, Math.max(table.length, shared + 1));
        fork.blocks = shared;
        fork.positions = positions.clone();
        for (int i = 0; i < shared; i++) {
            pool.share(table[i]);
        }
        if (copyLast) {
            fork.addBlocks(1);
            pool.copy(table[shared], fork.table[shared], committed % blockSize);
        }
        fork.committed = committed;
        fork.size = committed;
        return fork;
    }

    /** Bytes of the blocks, shared ones counted here as everywhere else they are referred to, and of the positions. */
    @Override
    public long bytes() {
        return blocks * pool.blockBytes() + (long) Integer.BYTES * (positions.length + table.length);
    }

    @Override
    public void close() {
        committed = 0;
        rollback();
    }
}
