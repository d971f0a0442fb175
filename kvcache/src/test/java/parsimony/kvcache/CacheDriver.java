package parsimony.kvcache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.AttentionMass;
import parsimony.core.model.KvCache;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;

/** Feeds a cache one pass after the other, without a model, and reads what it holds. */
final class CacheDriver {
    private final Backend backend = new ScalarBackend();
    private final KvCache cache;
    private final int heads;
    private final int headSize;
    private int length;

    CacheDriver(KvCache cache, int heads, int headSize) {
        this.cache = cache;
        this.heads = heads;
        this.headSize = headSize;
    }

    /** Adds entries that say where they stand: element j of head h of the key at position p is {@link #number}, that of the value its negative. */
    void append(int count) {
        append(count, CacheDriver::number);
    }

    static float number(int position, int column) {
        return position * 100 + column;
    }

    /** Element {@code column} of [heads · headSize] at a position. */
    interface Numbers {
        float at(int position, int column);
    }

    void append(int count, Numbers numbers) {
        int width = heads * headSize;
        float[] keys = new float[count * width];
        float[] values = new float[count * width];
        for (int i = 0; i < keys.length; i++) {
            keys[i] = numbers.at(length + i / width, i % width);
            values[i] = -keys[i];
        }
        int[] positions = IntStream.range(length, length + count).toArray();
        cache.append(Matrix.of(keys, count, width), Matrix.of(values, count, width), positions, 0);
    }

    void commit(int count) {
        cache.commit(IntStream.range(0, count).toArray());
        length += count;
    }

    /** Lets the last {@code count} entries, those at the end of the text, attend with these queries [count, heads · headSize] and a scale of 1. */
    void attend(int count, float[] queries) {
        int[] positions = IntStream.range(length, length + count).toArray();
        Visibility causal = new Visibility.Causal(positions, 0);
        Matrix all = Matrix.of(queries, count, heads * headSize);
        float[] logSumExp = new float[heads * count];
        List<AttentionKernel.Head> queryHeads = new ArrayList<>();
        for (int head = 0; head < heads; head++) {
            queryHeads.add(new AttentionKernel.Head(
                    all.columns(head * headSize, headSize),
                    positions,
                    0,
                    cache.tiles(head),
                    causal,
                    new AttentionKernel.Scoring(1, 0, 0)));
            Matrix output = Matrix.of(new float[count * headSize], count, headSize);
            new NaiveAttention().forward(backend, queryHeads.get(head), output, logSumExp, head * count);
        }
        cache.attended(new AttentionMass(backend, queryHeads, heads, logSumExp, 0, count));
    }

    /** Positions of all entries of a head that are shown. */
    int[] positions(int head) {
        return Stream.concat(
                        StreamSupport.stream(cache.decodedTiles(head).spliterator(), false), cache.tiles(head).stream())
                .flatMapToInt(tile -> IntStream.range(0, tile.size()).map(tile::position))
                .toArray();
    }

    /** The same without the last {@code count}. */
    int[] positionsBefore(int head, int count) {
        int[] all = positions(head);
        return Arrays.copyOf(all, all.length - count);
    }
}
