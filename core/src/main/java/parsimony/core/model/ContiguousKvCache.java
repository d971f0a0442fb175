package parsimony.core.model;

import java.util.Arrays;
import java.util.List;
import parsimony.core.tensor.Matrix;

/** Every key and value ever seen, in one growing array a head, so that a kernel reads memory in order. */
public final class ContiguousKvCache implements KvCache {
    private static final int FIRST_CAPACITY = 64;

    private final int headSize;
    private final float[][] keys;
    private final float[][] values;
    private int[] positions = new int[FIRST_CAPACITY];
    private int committed;
    private int size;

    public ContiguousKvCache(int keyValueHeads, int headSize) {
        this.headSize = headSize;
        keys = new float[keyValueHeads][FIRST_CAPACITY * headSize];
        values = new float[keyValueHeads][FIRST_CAPACITY * headSize];
    }

    @Override
    public void append(Matrix newKeys, Matrix newValues, int[] newPositions, int first) {
        int count = newKeys.rows();
        if (size + count > positions.length) {
            resize(Math.max(size + count, positions.length * 2));
        }
        for (int head = 0; head < keys.length; head++) {
            for (int i = 0; i < count; i++) {
                int from = head * headSize + i * newKeys.stride();
                int to = (size + i) * headSize;
                System.arraycopy(newKeys.data(), newKeys.offset() + from, keys[head], to, headSize);
                System.arraycopy(newValues.data(), newValues.offset() + from, values[head], to, headSize);
            }
        }
        System.arraycopy(newPositions, first, positions, size, count);
        size += count;
    }

    @Override
    public void reserve(int entries) {
        if (size + entries > positions.length) {
            resize(size + entries);
        }
    }

    private void resize(int capacity) {
        positions = Arrays.copyOf(positions, capacity);
        for (int head = 0; head < keys.length; head++) {
            keys[head] = Arrays.copyOf(keys[head], capacity * headSize);
            values[head] = Arrays.copyOf(values[head], capacity * headSize);
        }
    }

    @Override
    public List<KeyValueTile> tiles(int head) {
        return List.of(new KeyValueTile(
                Matrix.of(keys[head], size, headSize),
                Matrix.of(values[head], size, headSize),
                positions,
                0,
                -committed));
    }

    @Override
    public void commit(int[] kept) {
        KvCache.checkKept(kept, size - committed);
        for (int i = 0; i < kept.length; i++) {
            int from = committed + kept[i];
            int to = committed + i;
            if (from == to) {
                continue;
            }
            positions[to] = positions[from];
            for (int head = 0; head < keys.length; head++) {
                System.arraycopy(keys[head], from * headSize, keys[head], to * headSize, headSize);
                System.arraycopy(values[head], from * headSize, values[head], to * headSize, headSize);
            }
        }
        committed += kept.length;
        size = committed;
    }

    @Override
    public void rollback() {
        size = committed;
    }

    @Override
    public ContiguousKvCache fork() {
        ContiguousKvCache fork = new ContiguousKvCache(keys.length, headSize);
        fork.resize(Math.max(FIRST_CAPACITY, committed));
        System.arraycopy(positions, 0, fork.positions, 0, committed);
        for (int head = 0; head < keys.length; head++) {
            System.arraycopy(keys[head], 0, fork.keys[head], 0, committed * headSize);
            System.arraycopy(values[head], 0, fork.values[head], 0, committed * headSize);
        }
        fork.committed = committed;
        fork.size = committed;
        return fork;
    }

    @Override
    public long bytes() {
        return 2L * keys.length * positions.length * headSize * Float.BYTES;
    }
}
