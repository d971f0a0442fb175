package parsimony.attention;

import java.util.Arrays;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.tensor.Matrix;

/**
 * The kernel of {@link Flash}: exact attention whose scores exist a tile at a time, forward by an online softmax, backward by computing them again from
 * log Σ exp. A few queries alone go the way of {@link FlashDecoding}.
 *
 * <p>A tile stands key by key, S [keys, queries]: then P is a left factor whose columns lie as the matrix product packs them, and the softmax runs down
 * columns, a query in each lane, without a sum across lanes.
 */
public final class FlashAttention implements AttentionKernel {
    /** Queries that share a tile, unless told otherwise. */
    static final int QUERIES = 128;
    /** Keys of a tile, unless told otherwise. */
    static final int KEYS = 512;
    /** Queries up to which there is nothing to share, and reading the keys takes all the time. */
    private static final int FEW = 8;

    private final int queries;
    private final int keys;
    private final int split;

    /** Tiles that suit the cache of a core. */
    public FlashAttention() {
        this(QUERIES, KEYS, FlashDecoding.SPLIT);
    }

    /**
     * @param queries of a tile
     * @param keys of a tile
     * @param split keys that a few queries look at in one task
     */
    FlashAttention(int queries, int keys, int split) {
        this.queries = queries;
        this.keys = keys;
        this.split = split;
    }

    @Override
    public String name() {
        return "flash";
    }

    @Override
    public boolean isExact() {
        return true;
    }

    @Override
    public void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset) {
        int rows = head.queries().rows();
        if (rows <= FEW) {
            FlashDecoding.forward(backend, head, output, logSumExp, offset, split);
            return;
        }
        int tiles = Math.ceilDiv(rows, queries);
        // Late queries see more keys than early ones: whoever begins with them leaves small pieces for the end.
        backend.parallel(tiles, task -> {
            int first = (tiles - 1 - task) * queries;
            int count = Math.min(queries, rows - first);
            forward(backend, head, first, output.rows(first, count), logSumExp, offset + first);
        });
    }

    /** Dao, FlashAttention-2, 2023, Alg. 1, for one block of queries: {@code output} [queries, headSize] is O, not divided by the sum until the end. */
    private void forward(Backend backend, Head head, int first, Matrix output, float[] logSumExp, int offset) {
        int count = output.rows();
        FlashScratch scratch = FlashScratch.get(keys, count, head.queries().columns());
        Matrix scaled =
                scratch.scaled(head.queries().rows(first, count), head.scoring().scale());
        float[] max = scratch.max;
        float[] sum = scratch.sum;
        Arrays.fill(max, 0, count, -Float.MAX_VALUE);
        Arrays.fill(sum, 0, count, 0);
        boolean begun = false;
        for (List<KeyRange> block : KeyRange.blocks(head, first, count, keys)) {
            int size = block.getLast().row() + block.getLast().size();
            Matrix scores = scratch.scores(size, count);
            for (KeyRange range : block) {
                Matrix part = scores.rows(range.row(), range.size()).columns(0, count);
                score(backend, head, first, range, scaled, part); // line 8
            }
            backend.onlineSoftmax(scores, max, sum, scratch.correction); // line 9
            if (begun) {
                multiplyRows(output, scratch.correction);
            }
            for (KeyRange range : block) {
                Matrix probabilities = scores.rows(range.row(), range.size()).columns(0, count);
                backend.multiply(probabilities, true, range.values(), false, output, begun); // line 10
                begun = true;
            }
        }
        for (int i = 0; i < count; i++) {
            logSumExp[offset + i] =
                    sum[i] == 0 ? Float.NEGATIVE_INFINITY : max[i] + (float) Math.log(sum[i]); // line 13
            sum[i] = sum[i] == 0 ? 0 : 1 / sum[i];
        }
        if (begun) {
            multiplyRows(output, sum); // line 12
        } else {
            fillRows(output);
        }
    }

    /** S = K · Qᵀ, capped, biased and masked. */
    private static void score(Backend backend, Head head, int first, KeyRange range, Matrix scaled, Matrix scores) {
        backend.multiply(range.keys(), false, scaled, true, scores, false);
        range.score(head, first, scaled.rows(), scores.data(), scores.offset(), 1, scores.stride());
    }

    private static void multiplyRows(Matrix x, float[] factors) {
        for (int row = 0; row < x.rows(); row++) {
            multiplyRow(x.data(), x.offset() + row * x.stride(), x.columns(), factors[row]);
        }
    }

    private static void multiplyRow(float[] data, int start, int count, float factor) {
        for (int i = start; i < start + count; i++) {
            data[i] *= factor;
        }
    }

    private static void fillRows(Matrix x) {
        for (int row = 0; row < x.rows(); row++) {
            int start = x.offset() + row * x.stride();
            Arrays.fill(x.data(), start, start + x.columns(), 0);
        }
    }

    @Override
    public void backward(
            Backend backend,
            Head head,
            Matrix output,
            float[] logSumExp,
            int offset,
            Matrix dOutput,
            Matrix dQueries,
            List<KeyValueTile> dTiles) {
        float[] delta = rowProducts(dOutput, output); // Alg. 2, line 4
        for (int index = 0; index < dTiles.size(); index++) {
            Tiles tiles = new Tiles(
                    head, index, output.rows(), logSumExp, offset, dOutput, delta, dQueries, dTiles.get(index));
            // In each step every block of keys meets another block of queries, so that no two tasks add to the same
            // gradient, and the order of the sums is the same whatever the threads do.
            for (int step = 0; step < tiles.steps(); step++) {
                int shift = step;
                backend.parallel(tiles.keyBlocks(), block -> tiles.backward(backend, block, shift));
            }
        }
    }

    private static float[] rowProducts(Matrix a, Matrix b) {
        float[] products = new float[a.rows()];
        for (int row = 0; row < products.length; row++) {
            for (int i = 0; i < a.columns(); i++) {
                products[row] += a.get(row, i) * b.get(row, i);
            }
        }
        return products;
    }

    /** The backward pass of one head over one tile of its keys, which is cut into blocks. */
    private final class Tiles {
        private final Head head;
        private final int tileIndex;
        private final int rows;
        private final float[] logSumExp;
        private final int offset;
        private final Matrix dOutput;
        private final float[] delta;
        private final Matrix dQueries;
        private final KeyValueTile dTile;

        Tiles(
                Head head,
                int tileIndex,
                int rows,
                float[] logSumExp,
                int offset,
                Matrix dOutput,
                float[] delta,
                Matrix dQueries,
                KeyValueTile dTile) {
            this.head = head;
            this.tileIndex = tileIndex;
            this.rows = rows;
            this.logSumExp = logSumExp;
            this.offset = offset;
            this.dOutput = dOutput;
            this.delta = delta;
            this.dQueries = dQueries;
            this.dTile = dTile;
        }

        int keyBlocks() {
            return Math.ceilDiv(dTile.size(), keys);
        }

        int queryBlocks() {
            return Math.ceilDiv(rows, queries);
        }

        int steps() {
            return Math.max(keyBlocks(), queryBlocks());
        }

        /** Lets a block of keys meet the block of queries that is {@code shift} blocks further, around the end. */
        void backward(Backend backend, int keyBlock, int shift) {
            int queryBlock = (keyBlock + shift) % steps();
            if (queryBlock >= queryBlocks()) {
                return;
            }
            int first = queryBlock * queries;
            int count = Math.min(queries, rows - first);
            int from = keyBlock * keys;
            int to = Math.min(from + keys, dTile.size());
            List<KeyRange> ranges = KeyRange.within(head, first, count, tileIndex, from, to);
            if (ranges.isEmpty()) {
                return;
            }
            FlashScratch scratch = FlashScratch.get(keys, count, dQueries.columns());
            Matrix scaled = scratch.scaled(
                    head.queries().rows(first, count), head.scoring().scale());
            for (int i = 0; i < count; i++) {
                float sum = logSumExp[offset + first + i];
                scratch.sum[i] = sum == Float.NEGATIVE_INFINITY ? Float.POSITIVE_INFINITY : sum;
                scratch.max[i] = delta[first + i];
            }
            for (KeyRange range : ranges) {
                backward(backend, range, first, scaled, scratch);
            }
        }

        /** Alg. 2, lines 11 to 16. */
        private void backward(Backend backend, KeyRange range, int first, Matrix scaled, FlashScratch scratch) {
            int count = scaled.rows();
            Matrix dOut = dOutput.rows(first, count);
            Matrix paddedScores = scratch.scores(range.size(), count);
            Matrix paddedGradient = scratch.dScores(range.size(), count);
            Matrix scores = paddedScores.columns(0, count);
            Matrix dScores = paddedGradient.columns(0, count);
            score(backend, head, first, range, scaled, scores);
            float[] capSlopes = capSlopes(range, first, scores);
            backend.multiply(range.values(), false, dOut, true, dScores, false);
            backend.softmaxBackward(paddedScores, scratch.sum, paddedGradient, scratch.max);
            backend.multiply(scores, false, dOut, false, dTile.values().rows(range.first(), range.size()), true);
            if (capSlopes != null) {
                for (int i = 0; i < capSlopes.length; i++) {
                    dScores.data()[i / count * dScores.stride() + i % count] *= capSlopes[i];
                }
            }
            Matrix dKeys = dTile.keys().rows(range.first(), range.size());
            backend.multiply(dScores, false, scaled, false, dKeys, true); // the scale is in the queries
            Matrix scaledKeys = scratch.scaledKeys(range.keys(), head.scoring().scale());
            backend.multiply(dScores, true, scaledKeys, false, dQueries.rows(first, count), true);
        }

        /** 1 − (s / cap)² of each capped score, or null if there is no cap; the bias is taken off again, what is masked does not matter. */
        private float[] capSlopes(KeyRange range, int first, Matrix scores) {
            Scoring scoring = head.scoring();
            if (scoring.softCap() == 0) {
                return null;
            }
            float[] slopes = new float[scores.rows() * scores.columns()];
            for (int i = 0; i < slopes.length; i++) {
                int key = i / scores.columns();
                int query = i % scores.columns();
                int distance = range.tile().position(range.first() + key) - head.position(first + query);
                float score = scores.get(key, query);
                float ratio = (score - scoring.slope() * distance) / scoring.softCap();
                slopes[i] = score == Float.NEGATIVE_INFINITY ? 0 : 1 - ratio * ratio;
            }
            return slopes;
        }
    }
}
