package parsimony.core.model;

import java.util.Arrays;
import java.util.List;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * Every key and value ever seen, in one growing array a head, so that a kernel reads memory in order. Where attention runs on a device, the entries stand there instead, and come
 * to the host when its kernels ask for them: each side has the first so many of them, and one of the two has all.
 */
public final class ContiguousKvCache implements KvCache {
    private static final int FIRST_CAPACITY = 64;

    private final int headSize;
    private final float[][] keys;
    private final float[][] values;
    private int[] positions = new int[FIRST_CAPACITY];
    private int committed;
    private int size;
    /** Entries that the host has. */
    private int hosted;

    private DeviceAttention device;
    private Tensor deviceKeys;
    private Tensor deviceValues;
    /** Entries that the device has. */
    private int onDevice;

    public ContiguousKvCache(int keyValueHeads, int headSize) {
        this.headSize = headSize;
        keys = new float[keyValueHeads][FIRST_CAPACITY * headSize];
        values = new float[keyValueHeads][FIRST_CAPACITY * headSize];
    }

    @Override
    public void append(Matrix newKeys, Matrix newValues, int[] newPositions, int first) {
        int count = newKeys.rows();
        addPositions(newPositions, first, count);
        bringHome();
        growHost();
        for (int i = 0; i < count; i++) {
            scatter(newKeys.data(), newKeys.offset() + i * newKeys.stride(), keys, size + i);
            scatter(newValues.data(), newValues.offset() + i * newValues.stride(), values, size + i);
        }
        size += count;
        hosted = size;
    }

    /**
     * Adds tentative entries that a device has, and leaves them there.
     *
     * @param newKeys [., keyValueHeads · headSize]
     * @param newValues as the keys
     * @param first the row of the first one, and the place of its position
     */
    void append(DeviceAttention to, Tensor newKeys, Tensor newValues, int[] newPositions, int first, int count) {
        addPositions(newPositions, first, count);
        moveTo(to);
        device.copyRows(newKeys, first, count, deviceKeys, size);
        device.copyRows(newValues, first, count, deviceValues, size);
        size += count;
        onDevice = size;
    }

    /** Lets rows whose entries were appended last attend on the device that they were appended on. */
    void attend(
            DeviceAttention on,
            DeviceAttention.Heads heads,
            int first,
            int count,
            Tensor branches,
            Tensor queries,
            Tensor output) {
        int seenByFirst = size - count + 1;
        DeviceAttention.Rows rows = new DeviceAttention.Rows(first, count, 0, size, seenByFirst, branches);
        on.attend(heads, rows, queries, deviceKeys, deviceValues, output);
    }

    /** Whether all entries stand before a position. */
    boolean precedes(int position) {
        for (int i = 0; i < size; i++) {
            if (positions[i] >= position) {
                return false;
            }
        }
        return true;
    }

    /** Which of the tentative entries {@code queries} rows see [queries, tentative], 1 for one that is seen. */
    Tensor seen(Visibility visibility, int queries) {
        int tentative = size - committed;
        Tensor seen = Tensor.zeros(queries, tentative);
        Matrix none = Matrix.of(new float[0], 0, headSize);
        KeyValueTile tile = new KeyValueTile(none, none, positions, 0, -committed);
        for (int query = 0; query < queries; query++) {
            for (int i = 0; i < tentative; i++) {
                seen.array()[query * tentative + i] = visibility.visible(query, tile, committed + i) ? 1 : 0;
            }
        }
        return seen;
    }

    private void addPositions(int[] newPositions, int first, int count) {
        if (size + count > positions.length) {
            positions = Arrays.copyOf(positions, Math.max(size + count, positions.length * 2));
        }
        System.arraycopy(newPositions, first, positions, size, count);
    }

    @Override
    public void reserve(int entries) {
        if (size + entries > positions.length) {
            positions = Arrays.copyOf(positions, size + entries);
        }
    }

    private void growHost() {
        int numbers = positions.length * headSize;
        for (int head = 0; head < keys.length && keys[head].length < numbers; head++) {
            keys[head] = Arrays.copyOf(keys[head], numbers);
            values[head] = Arrays.copyOf(values[head], numbers);
        }
    }

    /** Copies a row of all heads to an entry of the host's arrays. */
    private void scatter(float[] row, int offset, float[][] heads, int entry) {
        for (int head = 0; head < heads.length; head++) {
            System.arraycopy(row, offset + head * headSize, heads[head], entry * headSize, headSize);
        }
    }

    private int width() {
        return keys.length * headSize;
    }

    /** Makes sure that the host has all entries. */
    private void bringHome() {
        int count = size - hosted;
        if (count == 0) {
            return;
        }
        growHost();
        float[] rows = new float[count * width()];
        device.readRows(deviceKeys, hosted, count, rows);
        for (int i = 0; i < count; i++) {
            scatter(rows, i * width(), keys, hosted + i);
        }
        device.readRows(deviceValues, hosted, count, rows);
        for (int i = 0; i < count; i++) {
            scatter(rows, i * width(), values, hosted + i);
        }
        hosted = size;
    }

    /** Makes sure that a device has all entries, and room for as many as there are positions. */
    private void moveTo(DeviceAttention to) {
        if (device != null && !device.equals(to)) {
            bringHome();
            leaveDevice();
        }
        device = to;
        if (deviceKeys == null || deviceKeys.rows() < positions.length) {
            deviceKeys = grown(deviceKeys);
            deviceValues = grown(deviceValues);
        }
        if (onDevice < size) {
            device.copyRows(gathered(keys), 0, size - onDevice, deviceKeys, onDevice);
            device.copyRows(gathered(values), 0, size - onDevice, deviceValues, onDevice);
            onDevice = size;
        }
    }

    private Tensor grown(Tensor before) {
        Tensor larger = device.allocate(positions.length, width());
        if (before != null) {
            device.copyRows(before, 0, onDevice, larger, 0);
            device.release(before);
        }
        return larger;
    }

    /** The entries that the device has not. */
    private Tensor gathered(float[][] heads) {
        int count = size - onDevice;
        Tensor rows = Tensor.zeros(count, width());
        for (int i = 0; i < count; i++) {
            for (int head = 0; head < heads.length; head++) {
                int to = i * width() + head * headSize;
                System.arraycopy(heads[head], (onDevice + i) * headSize, rows.array(), to, headSize);
            }
        }
        return rows;
    }

    private void leaveDevice() {
        if (device != null) {
            device.release(deviceKeys);
            device.release(deviceValues);
        }
        device = null;
        deviceKeys = null;
        deviceValues = null;
        onDevice = 0;
    }

    @Override
    public List<KeyValueTile> tiles(int head) {
        bringHome();
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
        boolean hostHasAll = hosted == size;
        boolean deviceHasAll = onDevice == size;
        for (int i = 0; i < kept.length; i++) {
            int from = committed + kept[i];
            int to = committed + i;
            if (from == to) {
                continue;
            }
            positions[to] = positions[from];
            for (int head = 0; hostHasAll && head < keys.length; head++) {
                System.arraycopy(keys[head], from * headSize, keys[head], to * headSize, headSize);
                System.arraycopy(values[head], from * headSize, values[head], to * headSize, headSize);
            }
            if (deviceHasAll) {
                device.copyRows(deviceKeys, from, 1, deviceKeys, to);
                device.copyRows(deviceValues, from, 1, deviceValues, to);
            }
        }
        int before = committed;
        committed += kept.length;
        size = committed;
        hosted = Math.min(hosted, hostHasAll ? committed : before);
        onDevice = Math.min(onDevice, deviceHasAll ? committed : before);
    }

    @Override
    public void rollback() {
        size = committed;
        hosted = Math.min(hosted, committed);
        onDevice = Math.min(onDevice, committed);
    }

    @Override
    public ContiguousKvCache fork() {
        bringHome();
        ContiguousKvCache fork = new ContiguousKvCache(keys.length, headSize);
        fork.positions = Arrays.copyOf(positions, Math.max(FIRST_CAPACITY, committed));
        fork.growHost();
        System.arraycopy(positions, 0, fork.positions, 0, committed);
        for (int head = 0; head < keys.length; head++) {
            System.arraycopy(keys[head], 0, fork.keys[head], 0, committed * headSize);
            System.arraycopy(values[head], 0, fork.values[head], 0, committed * headSize);
        }
        fork.committed = committed;
        fork.size = committed;
        fork.hosted = committed;
        return fork;
    }

    /** On the host and on a device together. */
    @Override
    public long bytes() {
        long numbers = 2L * keys.length * keys[0].length + (device == null ? 0 : 2L * deviceKeys.size());
        return numbers * Float.BYTES;
    }

    /** Gives back the device's memory. */
    @Override
    public void close() {
        leaveDevice();
    }
}
