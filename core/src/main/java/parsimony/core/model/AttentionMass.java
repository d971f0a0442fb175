package parsimony.core.model;

import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * How the queries of one pass over one sequence attended to the entries of its cache. The probabilities are computed again from the log Σ exp that the kernel kept, a tile of
 * queries × keys at a time, so that they cost time but no memory and are there with every exact kernel.
 */
public final class AttentionMass {
    private static final int QUERIES = 64;
    private static final int KEYS = 256;

    private final Backend backend;
    private final List<AttentionKernel.Head> heads;
    private final int keyValueHeads;
    private final float[] logSumExp;
    private final int firstSum;
    private final int sumsPerHead;

    /**
     * @param heads every query head with the entries of the cache as it read them, those of a key/value head one after the other
     * @param logSumExp of row i of query head h at {@code firstSum + h · sumsPerHead + i}
     */
    public AttentionMass(
            Backend backend,
            List<AttentionKernel.Head> heads,
            int keyValueHeads,
            float[] logSumExp,
            int firstSum,
            int sumsPerHead) {
        this.backend = backend;
        this.heads = List.copyOf(heads);
        this.keyValueHeads = keyValueHeads;
        this.logSumExp = logSumExp;
        this.firstSum = firstSum;
        this.sumsPerHead = sumsPerHead;
    }

    /** Rows that the pass had. */
    public int rows() {
        return heads.getFirst().queries().rows();
    }

    /** Query heads that read a key/value head. */
    public int group() {
        return heads.size() / keyValueHeads;
    }

    /** Does something for every key/value head, on all threads. */
    public void forEachHead(IntConsumer task) {
        backend.parallel(keyValueHeads, task);
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
        AttentionKernel.Head first = heads.get(keyValueHead * group());
        float[] sum = new float[QUERIES * KEYS];
        float[] one = new float[QUERIES * KEYS];
        for (int i = 0; i < rows.length; ) {
            int count = 1;
            while (i + count < rows.length && count < QUERIES && rows[i + count] == rows[i] + count) {
                count++;
            }
            for (KeyValueTile tile : first.tiles()) {
                for (int key = 0; key < tile.size(); key += KEYS) {
                    int keys = Math.min(KEYS, tile.size() - key);
                    Visibility.Coverage coverage = first.visibility().coverage(rows[i], count, tile, key, keys);
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
            AttentionKernel.Head of = heads.get(head);
            backend.multiply(of.queries().rows(query, count), false, tile.keys().rows(key, keys), true, scores, false);
            score(of, scores, query, tile, key, masked);
            backend.exponential(scores, logSumExp, firstSum + head * sumsPerHead + query);
            for (int i = 0; i < count * keys; i++) {
                sum[i] += one[i];
            }
        }
        return Matrix.of(sum, count, keys);
    }

    private static void score(
            AttentionKernel.Head head, Matrix scores, int firstQuery, KeyValueTile tile, int firstKey, boolean masked) {
        float[] data = scores.data();
        AttentionKernel.Scoring scoring = head.scoring();
        if (!masked && scoring.softCap() == 0 && scoring.slope() == 0) {
            for (int i = 0; i < scores.rows() * scores.columns(); i++) {
                data[i] *= scoring.scale();
            }
            return;
        }
        for (int i = 0, at = 0; i < scores.rows(); i++) {
            int query = firstQuery + i;
            for (int key = firstKey; key < firstKey + scores.columns(); key++, at++) {
                boolean seen = !masked || head.visibility().visible(query, tile, key);
                data[at] = seen
                        ? scoring.score(data[at], tile.position(key) - head.position(query))
                        : Float.NEGATIVE_INFINITY;
            }
        }
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
