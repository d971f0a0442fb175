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

    /** The entries of one key/value head, in a row from {@code start} on. */
    private static final class Head {
        private final int headSize;
        private final EvictionPolicy policy;
        private float[] keys;
        private float[] values;
        private int[] positions;
        private int start;
        private int committed;

        Head(int headSize, EvictionPolicy policy) {
            this.headSize = headSize;
            this.policy = policy;
            keys = new float[FIRST_CAPACITY * headSize];
            values = new float[FIRST_CAPACITY * headSize];
            positions = new int[FIRST_CAPACITY];
        }

        private Head(Head other) {
            headSize = other.headSize;
            policy = other.policy.copy();
            keys = other.keys.clone();
            values = other.values.clone();
            positions = other.positions.clone();
            start = other.start;
            committed = other.committed;
        }

        /**
         * Makes room behind {@code size} entries, with a quarter to spare, so that it need not be done often. They move to other arrays, for the tiles of a pass that is not committed
         * yet may still be read.
         */
        void reserve(int size, int count) {
            if (start + size + count > positions.length) {
                resize(Math.max(positions.length, (size + count) * 5 / 4), size);
            }
        }

        /** Gives back what a long pass needed and single tokens do not. */
        void trim() {
            int enough = Math.max(FIRST_CAPACITY, committed * 5 / 4);
            if (positions.length > enough + enough / 8) {
                resize(enough, committed);
            }
        }

        private void resize(int capacity, int size) {
            float[] oldKeys = keys;
            float[] oldValues = values;
            int[] oldPositions = positions;
            keys = new float[capacity * headSize];
            values = new float[capacity * headSize];
            positions = new int[capacity];
            System.arraycopy(oldKeys, start * headSize, keys, 0, size * headSize);
            System.arraycopy(oldValues, start * headSize, values, 0, size * headSize);
            System.arraycopy(oldPositions, start, positions, 0, size);
            start = 0;
        }

        void set(int entry, Matrix newKeys, Matrix newValues, int row, int column, int position) {
            int to = (start + entry) * headSize;
            System.arraycopy(newKeys.data(), newKeys.offset() + row * newKeys.stride() + column, keys, to, headSize);
            System.arraycopy(
                    newValues.data(), newValues.offset() + row * newValues.stride() + column, values, to, headSize);
            positions[start + entry] = position;
        }

        /** Lets only some entries stay, and moves those before the last gap or those behind the first, whichever are fewer. */
        void retain(int[] kept) {
            int n = kept.length;
            int leading = 0;
            while (leading < n && kept[leading] == leading) {
                leading++;
            }
            int trailing = Math.min(n, 1);
            while (trailing < n && kept[n - trailing - 1] == kept[n - trailing] - 1) {
                trailing++;
            }
            if (leading >= trailing) {
                for (int i = leading; i < n; i++) {
                    move(kept[i], i);
                }
            } else {
                int shift = kept[n - 1] + 1 - n;
                for (int i = n - trailing - 1; i >= 0; i--) {
                    move(kept[i], shift + i);
                }
                start += shift;
            }
            policy.retain(kept);
            committed = n;
        }

        private void move(int from, int to) {
            int source = start + from;
            int target = start + to;
            System.arraycopy(keys, source * headSize, keys, target * headSize, headSize);
            System.arraycopy(values, source * headSize, values, target * headSize, headSize);
            positions[target] = positions[source];
        }

        KeyValueTile tile(int first, int end) {
            int count = end - first;
            return new KeyValueTile(
                    new Matrix(keys, (start + first) * headSize, count, headSize, headSize),
                    new Matrix(values, (start + first) * headSize, count, headSize, headSize),
                    positions,
                    start + first,
                    first - committed);
        }

        int tentativePosition(int row) {
            return positions[start + committed + row];
        }

        long bytes() {
            return Float.BYTES * (long) (keys.length + values.length)
                    + (long) Integer.BYTES * positions.length
                    + policy.bytes();
        }
    }

    @Override
    public void append(Matrix keys, Matrix values, int[] positions, int first) {
        for (int h = 0; h < heads.length; h++) {
            Head head = heads[h];
            int size = head.committed + tentative;
            head.reserve(size, keys.rows());
            for (int i = 0; i < keys.rows(); i++) {
                head.set(size + i, keys, values, i, h * headSize, positions[first + i]);
            }
        }
        tentative += keys.rows();
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
            places[shown + i] = end + head.tentativePosition(i) - head.tentativePosition(0);
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
            head.retain(IntStream.concat(
                            IntStream.range(0, committed), Arrays.stream(kept).map(row -> committed + row))
                    .toArray());
            head.retain(head.policy.keep(head.committed));
            head.trim();
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
