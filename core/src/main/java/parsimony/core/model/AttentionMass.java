package parsimony.core.model;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * How the queries of one pass over one sequence attended to the entries of its cache. The probabilities are computed again from the log Σ exp that the kernel kept, a tile of
 * queries × keys at a time, so that they cost time but no memory and are there with every exact kernel whose scores have neither a soft cap nor a bias by distance.
 */
public final class AttentionMass {
    private static final int QUERIES = 64;
    private static final int KEYS = 256;

    private final Backend backend;
    private final List<List<KeyValueTile>> tiles;
    private final Matrix queries;
    private final Visibility visibility;
    private final float scale;
    private final float[] logSumExp;
    private final int firstSum;
    private final int sumsPerHead;

    /**
     * @param tiles the cache's entries as they were read, for each key/value head
     * @param queries [rows, heads · headSize], rotated
     * @param logSumExp of row i of query head h at {@code firstSum + h · sumsPerHead + i}
     */
    public AttentionMass(
            Backend backend,
            List<List<KeyValueTile>> tiles,
            Matrix queries,
            Visibility visibility,
            float scale,
            float[] logSumExp,
            int firstSum,
            int sumsPerHead) {
        this.backend = backend;
        this.tiles = tiles;
        this.queries = queries;
        this.visibility = visibility;
        this.scale = scale;
        this.logSumExp = logSumExp;
        this.firstSum = firstSum;
        this.sumsPerHead = sumsPerHead;
    }

    /** Rows that the pass had. */
    public int rows() {
        return queries.rows();
    }

    /** Query heads that read a key/value head. */
    public int group() {
        return queries.columns() / (tiles.size() * headSize());
    }

    /** Does something for every key/value head, on all threads. */
    public void forEachHead(IntConsumer task) {
        backend.parallel(tiles.size(), task);
    }

    private int headSize() {
        return tiles.getFirst().getFirst().keys().columns();
    }

    /**
     * Softmax probabilities, added over the query heads that read one key/value head.
     *
     * @param probabilities [queries, keys]; valid during the call
     * @param firstQuery the row of the pass of the first query
     * @param firstRow which of the cache's tentative entries the first key is, less than 0 for committed ones
     */
    public record Tile(Matrix probabilities, int firstQuery, int firstRow) {}

    /** Is given one tile after the other. */
    @FunctionalInterface
    public interface Visitor {
        void visit(Tile tile);
    }

    /**
     * Goes through the probabilities of some rows.
     *
     * @param rows of the pass, ascending
     */
    public void forEach(int keyValueHead, int[] rows, Visitor visitor) {
        float[] sum = new float[QUERIES * KEYS];
        float[] one = new float[QUERIES * KEYS];
        for (int i = 0; i < rows.length; ) {
            int count = 1;
            while (i + count < rows.length && count < QUERIES && rows[i + count] == rows[i] + count) {
                count++;
            }
            for (KeyValueTile tile : tiles.get(keyValueHead)) {
                for (int key = 0; key < tile.size(); key += KEYS) {
                    int keys = Math.min(KEYS, tile.size() - key);
                    Visibility.Coverage coverage = visibility.coverage(rows[i], count, tile, key, keys);
                    if (coverage != Visibility.Coverage.NONE) {
                        boolean masked = coverage == Visibility.Coverage.SOME;
                        Matrix total = probabilities(keyValueHead, rows[i], count, tile, key, keys, masked, sum, one);
                        visitor.visit(new Tile(total, rows[i], tile.row(key)));
                    }
                }
            }
            i += count;
        }
    }

    private Matrix probabilities(
            int keyValueHead,
            int query,
            int count,
            KeyValueTile tile,
            int key,
            int keys,
            boolean masked,
            float[] sum,
            float[] one) {
        Arrays.fill(sum, 0, count * keys, 0);
        Matrix scores = Matrix.of(one, count, keys);
        for (int head = keyValueHead * group(); head < (keyValueHead + 1) * group(); head++) {
            Matrix q = queries.rows(query, count).columns(head * headSize(), headSize());
            backend.multiply(q, false, tile.keys().rows(key, keys), true, scores, false);
            for (int i = 0; i < count * keys; i++) {
                boolean seen = !masked || visibility.visible(query + i / keys, tile, key + i % keys);
                one[i] = seen ? one[i] * scale : Float.NEGATIVE_INFINITY;
            }
            backend.exponential(scores, logSumExp, firstSum + head * sumsPerHead + query);
            for (int i = 0; i < count * keys; i++) {
                sum[i] += one[i];
            }
        }
        return Matrix.of(sum, count, keys);
    }

    /**
     * Adds what each entry received, Σ over rows and query heads of its softmax probability.
     *
     * @param rows of the pass, ascending
     * @param received entry i of the cache at i
     * @param committed entries of the cache before the tentative ones
     */
    public void addTo(int keyValueHead, int[] rows, double[] received, int committed) {
        forEach(keyValueHead, rows, tile -> {
            Matrix probabilities = tile.probabilities();
            for (int row = 0; row < probabilities.rows(); row++) {
                for (int key = 0; key < probabilities.columns(); key++) {
                    received[committed + tile.firstRow() + key] += probabilities.get(row, key);
                }
            }
        });
    }
}
