package parsimony.kvcache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.model.ContiguousKvCache;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.tensor.Matrix;

/** The older entries in few bits, the newer ones, and all that are tentative, as they came. */
final class QuantizedKvCache implements KvCache {
    private final int headSize;
    private final Quantized.Options options;
    private final QuantizedTokens[] keys;
    private final QuantizedTokens[] values;
    private int[] positions = new int[0];
    /** What is not quantized. */
    private ContiguousKvCache exact;

    private int exactCommitted;

    QuantizedKvCache(int keyValueHeads, int headSize, Quantized.Options options) {
        this.headSize = headSize;
        this.options = options;
        keys = new QuantizedTokens[keyValueHeads];
        values = new QuantizedTokens[keyValueHeads];
        for (int head = 0; head < keyValueHeads; head++) {
            keys[head] = new QuantizedTokens(headSize, options.bits(), options.group(), 1);
            values[head] = new QuantizedTokens(headSize, options.bits(), 1, options.group());
        }
        exact = new ContiguousKvCache(keyValueHeads, headSize);
    }

    private QuantizedKvCache(QuantizedKvCache other) {
        headSize = other.headSize;
        options = other.options;
        keys = Arrays.stream(other.keys).map(QuantizedTokens::new).toArray(QuantizedTokens[]::new);
        values = Arrays.stream(other.values).map(QuantizedTokens::new).toArray(QuantizedTokens[]::new);
        positions = other.positions.clone();
        exact = other.exact.fork();
        exactCommitted = other.exactCommitted;
    }

    @Override
    public void append(Matrix newKeys, Matrix newValues, int[] newPositions, int first) {
        exact.append(newKeys, newValues, newPositions, first);
    }

    @Override
    public List<KeyValueTile> tiles(int head) {
        List<KeyValueTile> tiles = new ArrayList<>();
        int tokens = keys[head].tokens();
        if (tokens > 0) {
            tiles.add(new KeyValueTile(
                    Matrix.of(keys[head].decode(), tokens, headSize),
                    Matrix.of(values[head].decode(), tokens, headSize),
                    positions,
                    0,
                    -tokens - exactCommitted));
        }
        tiles.addAll(exact.tiles(head));
        return tiles;
    }

    @Override
    public void commit(int[] kept) {
        exact.commit(kept);
        exactCommitted += kept.length;
        int leaving = Math.max(0, exactCommitted - options.residual()) / options.group() * options.group();
        if (leaving > 0) {
            quantize(leaving);
        }
    }

    /** Moves the oldest {@code count} exact entries, whole groups, to the quantized ones. */
    private void quantize(int count) {
        int heads = keys.length;
        int left = exactCommitted - count;
        Matrix leftKeys = Matrix.of(new float[left * heads * headSize], left, heads * headSize);
        Matrix leftValues = Matrix.of(new float[left * heads * headSize], left, heads * headSize);
        int[] exactPositions = exact.tiles(0).getFirst().positions();
        for (int head = 0; head < heads; head++) {
            KeyValueTile tile = exact.tiles(head).getFirst();
            keys[head].add(tile.keys().data(), tile.keys().offset(), count);
            values[head].add(tile.values().data(), tile.values().offset(), count);
            for (int i = 0; i < left; i++) {
                int from = (count + i) * headSize;
                int to = (i * heads + head) * headSize;
                System.arraycopy(tile.keys().data(), from, leftKeys.data(), to, headSize);
                System.arraycopy(tile.values().data(), from, leftValues.data(), to, headSize);
            }
        }
        int known = keys[0].tokens() - count;
        positions = Arrays.copyOf(positions, known + count);
        System.arraycopy(exactPositions, 0, positions, known, count);
        exact = new ContiguousKvCache(heads, headSize);
        exact.append(leftKeys, leftValues, exactPositions, count);
        exact.commit(IntStream.range(0, left).toArray());
        exactCommitted = left;
    }

    @Override
    public void rollback() {
        exact.rollback();
    }

    @Override
    public QuantizedKvCache fork() {
        return new QuantizedKvCache(this);
    }

    @Override
    public long bytes() {
        long bytes = exact.bytes() + (long) Integer.BYTES * positions.length;
        for (int head = 0; head < keys.length; head++) {
            bytes += keys[head].bytes() + values[head].bytes();
        }
        return bytes;
    }
}
