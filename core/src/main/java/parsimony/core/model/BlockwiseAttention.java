package parsimony.core.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.tensor.Matrix;

/**
 * Exact attention, a block of queries at a time: scores against every key that someone in the block sees, softmax, weighted sum of the values. Needs
 * memory for one block of rows of the score matrix, and computes them again in the backward pass. What the core trains and decodes with.
 */
public final class BlockwiseAttention implements AttentionKernel {
    private static final int QUERIES = 64;
    private static final int KEYS = 64;

    @Override
    public String name() {
        return "blockwise";
    }

    @Override
    public void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset) {
        float[] scratch = scratch(head);
        for (int first = 0; first < head.queries().rows(); first += QUERIES) {
            int rows = Math.min(QUERIES, head.queries().rows() - first);
            List<Range> ranges = visibleRanges(head, first, rows);
            Matrix scores = scores(backend, head, first, rows, ranges, scratch);
            backend.softmax(scores, logSumExp, offset + first);
            Matrix out = output.rows(first, rows);
            boolean accumulate = false;
            for (Range range : ranges) {
                Matrix probabilities = scores.columns(range.column, range.keys);
                backend.multiply(probabilities, false, range.values(), false, out, accumulate);
                accumulate = true;
            }
            if (!accumulate) {
                for (int row = 0; row < rows; row++) {
                    int from = out.offset() + row * out.stride();
                    Arrays.fill(out.data(), from, from + out.columns(), 0);
                }
            }
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
        float[] scratch = scratch(head);
        float[] dScoresData = new float[scratch.length];
        float[] delta = new float[QUERIES];
        for (int first = 0; first < head.queries().rows(); first += QUERIES) {
            int rows = Math.min(QUERIES, head.queries().rows() - first);
            List<Range> ranges = visibleRanges(head, first, rows);
            if (ranges.isEmpty()) {
                continue;
            }
            Matrix probabilities = scores(backend, head, first, rows, ranges, scratch);
            float[] capSlope = head.softCap() == 0 ? null : capSlope(probabilities, head.softCap());
            backend.exponential(probabilities, logSumExp, offset + first);
            Matrix dOut = dOutput.rows(first, rows);
            Matrix out = output.rows(first, rows);
            for (int row = 0; row < rows; row++) {
                delta[row] = dot(dOut, out, row);
            }
            Matrix dScores = new Matrix(dScoresData, 0, rows, probabilities.columns(), probabilities.columns());
            for (Range range : ranges) {
                Matrix dProbabilities = dScores.columns(range.column, range.keys);
                backend.multiply(dOut, false, range.values(), true, dProbabilities, false);
                KeyValueTile dTile = dTiles.get(range.tileIndex);
                backend.multiply(
                        probabilities.columns(range.column, range.keys),
                        true,
                        dOut,
                        false,
                        dTile.values().rows(range.first, range.keys),
                        true);
            }
            scoreGradient(probabilities, dScores, delta, head.scale());
            if (capSlope != null) {
                for (int i = 0; i < rows * dScores.columns(); i++) {
                    dScoresData[i] *= capSlope[i];
                }
            }
            for (Range range : ranges) {
                Matrix dRange = dScores.columns(range.column, range.keys);
                backend.multiply(dRange, false, range.keyRows(), false, dQueries.rows(first, rows), true);
                backend.multiply(
                        dRange,
                        true,
                        head.queries().rows(first, rows),
                        false,
                        dTiles.get(range.tileIndex).keys().rows(range.first, range.keys),
                        true);
            }
        }
    }

    /** dS = P ∘ (dP − Σ dO ∘ O) · scale, in place of dP (Dao, FlashAttention-2, 2023, Alg. 2, line 15). */
    private static void scoreGradient(Matrix probabilities, Matrix dScores, float[] delta, float scale) {
        float[] p = probabilities.data();
        float[] d = dScores.data();
        for (int row = 0; row < dScores.rows(); row++) {
            int start = row * dScores.stride();
            float shift = delta[row];
            for (int i = start; i < start + dScores.columns(); i++) {
                d[i] = p[i] * (d[i] - shift) * scale;
            }
        }
    }

    private static float dot(Matrix a, Matrix b, int row) {
        float sum = 0;
        for (int i = 0; i < a.columns(); i++) {
            sum += a.get(row, i) * b.get(row, i);
        }
        return sum;
    }

    /** Scaled, capped and masked scores of a block of queries against the ranges, whose columns stand side by side. */
    private static Matrix scores(Backend backend, Head head, int first, int rows, List<Range> ranges, float[] data) {
        int columns = ranges.isEmpty() ? 0 : ranges.getLast().column + ranges.getLast().keys;
        Matrix scores = new Matrix(data, 0, rows, columns, columns);
        Matrix queries = head.queries().rows(first, rows);
        for (Range range : ranges) {
            backend.multiply(queries, false, range.keyRows(), true, scores.columns(range.column, range.keys), false);
        }
        float scale = head.scale();
        for (int i = 0; i < rows * columns; i++) {
            data[i] *= scale;
        }
        if (head.softCap() != 0) {
            for (int i = 0; i < rows * columns; i++) {
                data[i] = head.softCap() * (float) Math.tanh(data[i] / head.softCap());
            }
        }
        for (Range range : ranges) {
            mask(head.visibility(), first, range, scores);
        }
        return scores;
    }

    /** Slope of the soft cap at each score, from the capped scores: 1 − (s / softCap)²; masked scores give no matter what. */
    private static float[] capSlope(Matrix capped, float softCap) {
        float[] slope = new float[capped.rows() * capped.columns()];
        for (int i = 0; i < slope.length; i++) {
            float ratio = capped.data()[i] == Float.NEGATIVE_INFINITY ? 0 : capped.data()[i] / softCap;
            slope[i] = 1 - ratio * ratio;
        }
        return slope;
    }

    private static void mask(Visibility visibility, int firstQuery, Range range, Matrix scores) {
        for (int block = 0; block < range.keys; block += KEYS) {
            if (range.coverage[(range.first + block) / KEYS] == Coverage.ALL) {
                continue;
            }
            int keys = Math.min(KEYS, range.keys - block);
            for (int row = 0; row < scores.rows(); row++) {
                int start = row * scores.stride() + range.column + block;
                for (int key = 0; key < keys; key++) {
                    if (!visibility.visible(firstQuery + row, range.tile, range.first + block + key)) {
                        scores.data()[start + key] = Float.NEGATIVE_INFINITY;
                    }
                }
            }
        }
    }

    /** The runs of blocks of keys that at least one of the queries may see. */
    private static List<Range> visibleRanges(Head head, int firstQuery, int queries) {
        List<Range> ranges = new ArrayList<>();
        int column = 0;
        for (int index = 0; index < head.tiles().size(); index++) {
            KeyValueTile tile = head.tiles().get(index);
            Coverage[] coverage = new Coverage[(tile.size() + KEYS - 1) / KEYS];
            for (int block = 0; block < coverage.length; block++) {
                int keys = Math.min(KEYS, tile.size() - block * KEYS);
                coverage[block] = head.visibility().coverage(firstQuery, queries, tile, block * KEYS, keys);
            }
            int block = 0;
            while (block < coverage.length) {
                int start = block;
                while (block < coverage.length && coverage[block] != Coverage.NONE) {
                    block++;
                }
                if (block == start) {
                    block++;
                } else {
                    int keys = Math.min(block * KEYS, tile.size()) - start * KEYS;
                    ranges.add(new Range(tile, index, start * KEYS, keys, column, coverage));
                    column += keys;
                }
            }
        }
        return ranges;
    }

    /**
     * Keys {@code first … first + keys − 1} of a tile, at {@code column} of the block's scores.
     *
     * @param coverage of every block of keys of the tile
     */
    private record Range(KeyValueTile tile, int tileIndex, int first, int keys, int column, Coverage[] coverage) {
        Matrix keyRows() {
            return tile.keys().rows(first, keys);
        }

        Matrix values() {
            return tile.values().rows(first, keys);
        }
    }

    private static float[] scratch(Head head) {
        int keys = head.tiles().stream().mapToInt(KeyValueTile::size).sum();
        return new float[Math.min(QUERIES, head.queries().rows()) * keys];
    }
}
