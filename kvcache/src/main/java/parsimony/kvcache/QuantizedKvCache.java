package parsimony.kvcache;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import parsimony.core.model.ContiguousKvCache;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.tensor.Matrix;

/** The older entries in few bits, the newer ones, and all that are tentative, as they came. */
final class QuantizedKvCache implements KvCache {
    /** Tokens that are decoded at once: keys and values of a head, 128 kB at 64 numbers, stay in a core's own cache until they are read. */
    private static final int PIECE = 256;

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
            keys[head] = QuantizedTokens.perChannel(headSize, options.bits(), options.group());
            values[head] = QuantizedTokens.perToken(headSize, options.bits(), options.group());
        }
        exact = new ContiguousKvCache(keyValueHeads, headSize);
    }

    private QuantizedKvCache(QuantizedKvCache other) {
        headSize = other.headSize;
        options = other.options;
        keys = Arrays.stream(other.keys).map(QuantizedTokens::copy).toArray(QuantizedTokens[]::new);
        values = Arrays.stream(other.values).map(QuantizedTokens::copy).toArray(QuantizedTokens[]::new);
        positions = other.positions.clone();
        exact = other.exact.fork();
        exactCommitted = other.exactCommitted;
    }

    @Override
    public void append(Matrix newKeys, Matrix newValues, int[] newPositions, int first) {
        exact.append(newKeys, newValues, newPositions, first);
    }

    /** What is not quantized. */
    @Override
    public List<KeyValueTile> tiles(int head) {
        return exact.tiles(head);
    }

    @Override
    public Iterable<KeyValueTile> decodedTiles(int head) {
        return () -> new DecodedTiles(keys[head], values[head]);
    }

    /** Decodes one head a piece at a time, always to the same place. */
    private final class DecodedTiles implements Iterator<KeyValueTile> {
        private final int tokens;
        private final int pieceTokens;
        private final QuantizedTokens.Decoder keys;
        private final QuantizedTokens.Decoder values;
        private final float[] pieceKeys;
        private final float[] pieceValues;
        private int next;

        DecodedTiles(QuantizedTokens keys, QuantizedTokens values) {
            tokens = keys.tokens();
            pieceTokens = Math.min(tokens, Math.ceilDiv(PIECE, options.group()) * options.group());
            this.keys = keys.decoder();
            this.values = values.decoder();
            pieceKeys = new float[pieceTokens * headSize];
            pieceValues = new float[pieceTokens * headSize];
        }

        @Override
        public boolean hasNext() {
            return next < tokens;
        }

        @Override
        public KeyValueTile next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            int first = next;
            int count = Math.min(pieceTokens, tokens - first);
            next += count;
            keys.decode(first, count, pieceKeys);
            values.decode(first, count, pieceValues);
            return new KeyValueTile(
                    Matrix.of(pieceKeys, count, headSize),
                    Matrix.of(pieceValues, count, headSize),
                    positions,
                    first,
                    first - tokens - exactCommitted);
        }
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
