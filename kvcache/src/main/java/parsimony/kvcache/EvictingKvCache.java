package parsimony.kvcache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import parsimony.core.model.AttentionMass;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.tensor.Matrix;

/**
 * Keys and values of which a policy keeps a part: storage, positions, heads that hold different entries, and the order in which things happen. On a commit the rows that are not
 * kept go first, then the policy sees how the others attended, then it chooses.
 */
final class EvictingKvCache implements KvCache {
    private static final int FIRST_CAPACITY = 64;

    private final int headSize;
    private final boolean rotatesWhenRead;
    private final Head[] heads;
    private final List<Pass> passes = new ArrayList<>();
    private int tentative;

    /**
     * @param policy makes the policy of one head
     * @param rotatesWhenRead whether entries stand at their places in the cache, rather than in the text
     */
    EvictingKvCache(int keyValueHeads, int headSize, Supplier<EvictionPolicy> policy, boolean rotatesWhenRead) {
        this(
                headSize,
                rotatesWhenRead,
                IntStream.range(0, keyValueHeads)
                        .mapToObj(head -> new Head(headSize, policy.get()))
                        .toArray(Head[]::new));
    }

    private EvictingKvCache(int headSize, boolean rotatesWhenRead, Head[] heads) {
        this.headSize = headSize;
        this.rotatesWhenRead = rotatesWhenRead;
        this.heads = heads;
    }

    /** How rows that are still tentative attended; row 0 is the tentative entry {@code firstRow}. */
    private record Pass(AttentionMass mass, int firstRow) {
        /** Its rows among those that are kept. */
        int[] rows(int[] kept) {
            return Arrays.stream(kept)
                    .map(row -> row - firstRow)
                    .filter(row -> row >= 0 && row < mass.rows())
                    .toArray();
        }
    }

    /** The entries of one key/value head. */
    private static final class Head {
        private final int headSize;
        private final EvictionPolicy policy;
        private float[] keys;
        private float[] values;
        private int[] positions;
        private int committed;

        Head(int headSize, EvictionPolicy policy) {
            this.headSize = headSize;
            this.policy = policy;
            resize(FIRST_CAPACITY);
        }

        private Head(Head other) {
            headSize = other.headSize;
            policy = other.policy.copy();
            keys = other.keys.clone();
            values = other.values.clone();
            positions = other.positions.clone();
            committed = other.committed;
        }

        void resize(int capacity) {
            keys = keys == null ? new float[capacity * headSize] : Arrays.copyOf(keys, capacity * headSize);
            values = values == null ? new float[capacity * headSize] : Arrays.copyOf(values, capacity * headSize);
            positions = positions == null ? new int[capacity] : Arrays.copyOf(positions, capacity);
        }

        /** Moves the entries that stay together, run by run. */
        void compact(int[] kept) {
            int end;
            for (int start = 0; start < kept.length; start = end) {
                end = start + 1;
                while (end < kept.length && kept[end] == kept[end - 1] + 1) {
                    end++;
                }
                int from = kept[start];
                int count = end - start;
                if (from != start) {
                    System.arraycopy(keys, from * headSize, keys, start * headSize, count * headSize);
                    System.arraycopy(values, from * headSize, values, start * headSize, count * headSize);
                    System.arraycopy(positions, from, positions, start, count);
                }
            }
            policy.retain(kept);
            committed = kept.length;
        }

        KeyValueTile tile(int first, int end) {
            int count = end - first;
            return new KeyValueTile(
                    new Matrix(keys, first * headSize, count, headSize, headSize),
                    new Matrix(values, first * headSize, count, headSize, headSize),
                    positions,
                    first,
                    first - committed);
        }

        long bytes() {
            return Float.BYTES * (long) (keys.length + values.length)
                    + (long) Integer.BYTES * positions.length
                    + policy.bytes();
        }
    }

    @Override
    public void append(Matrix keys, Matrix values, int[] positions, int first) {
        int count = keys.rows();
        for (int h = 0; h < heads.length; h++) {
            Head head = heads[h];
            int size = head.committed + tentative;
            if (size + count > head.positions.length) {
                // A cache that evicts stops growing soon, so that little is set aside in advance.
                head.resize(Math.max(size + count, head.positions.length + head.positions.length / 4));
            }
            for (int i = 0; i < count; i++) {
                int to = (size + i) * headSize;
                int column = h * headSize;
                System.arraycopy(keys.data(), keys.offset() + i * keys.stride() + column, head.keys, to, headSize);
                System.arraycopy(
                        values.data(), values.offset() + i * values.stride() + column, head.values, to, headSize);
            }
            System.arraycopy(positions, first, head.positions, size, count);
        }
        tentative += count;
    }

    @Override
    public List<KeyValueTile> tiles(int keyValueHead) {
        Head head = heads[keyValueHead];
        int size = head.committed + tentative;
        EvictionPolicy.Hidden hidden = head.policy.hidden(head.committed, tentative);
        if (hidden.count() == 0) {
            return List.of(head.tile(0, size));
        }
        KeyValueTile rest = head.tile(hidden.first() + hidden.count(), size);
        return hidden.first() == 0 ? List.of(rest) : List.of(head.tile(0, hidden.first()), rest);
    }

    @Override
    public boolean rotatesWhenRead() {
        return rotatesWhenRead;
    }

    @Override
    public int[] placesWhenRead(int keyValueHead) {
        if (!rotatesWhenRead) {
            return KvCache.super.placesWhenRead(keyValueHead);
        }
        // Where heads hold different numbers of entries, all end at the same place, that of the first new one.
        int end = Arrays.stream(heads).mapToInt(this::shown).max().orElseThrow();
        Head head = heads[keyValueHead];
        int shown = shown(head);
        int[] places = new int[shown + tentative];
        for (int i = 0; i < shown; i++) {
            places[i] = end - shown + i;
        }
        for (int i = 0; i < tentative; i++) {
            places[shown + i] = end + head.positions[head.committed + i] - head.positions[head.committed];
        }
        return places;
    }

    private int shown(Head head) {
        return head.committed - head.policy.hidden(head.committed, tentative).count();
    }

    @Override
    public boolean observesAttention() {
        return heads[0].policy.observesAttention();
    }

    @Override
    public void attended(AttentionMass mass) {
        passes.add(new Pass(mass, tentative - mass.rows()));
    }

    @Override
    public void commit(int[] kept) {
        KvCache.checkKept(kept, tentative);
        for (Pass pass : passes) {
            int[] rows = pass.rows(kept);
            pass.mass.forEachHead(
                    h -> heads[h].policy.observe(pass.mass, h, heads[h].committed, tentative, pass.firstRow, rows));
        }
        for (Head head : heads) {
            int committed = head.committed;
            head.compact(IntStream.concat(
                            IntStream.range(0, committed), Arrays.stream(kept).map(row -> committed + row))
                    .toArray());
            head.compact(head.policy.keep(head.committed));
        }
        rollback();
    }

    @Override
    public void rollback() {
        tentative = 0;
        passes.clear();
    }

    @Override
    public EvictingKvCache fork() {
        return new EvictingKvCache(
                headSize, rotatesWhenRead, Arrays.stream(heads).map(Head::new).toArray(Head[]::new));
    }

    @Override
    public long bytes() {
        return Arrays.stream(heads).mapToLong(Head::bytes).sum();
    }
}
