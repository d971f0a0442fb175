package parsimony.core.model;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * Attention as the textbook has it (Vaswani et al., 2017, Eq. 1): the whole matrix of scores, a softmax over its rows, times the values. The backward pass
 * computes the scores again. What the core does where no faster kernel is installed.
 */
public final class NaiveAttention implements AttentionKernel {
    @Override
    public String name() {
        return "naive";
    }

    @Override
    public boolean isExact() {
        return true;
    }

    @Override
    public void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset) {
        Matrix scores = scores(backend, head, null);
        backend.softmax(scores, logSumExp, offset);
        int column = 0;
        for (KeyValueTile tile : head.tiles()) {
            Matrix probabilities = scores.columns(column, tile.size());
            backend.multiply(probabilities, false, tile.values(), false, output, column > 0);
            column += tile.size();
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
        boolean capped = head.scoring().softCap() != 0;
        Matrix capSlopes = capped ? zeros(head) : null;
        Matrix probabilities = scores(backend, head, capSlopes);
        backend.exponential(probabilities, logSumExp, offset);
        Matrix dScores = zeros(head);
        int column = 0;
        for (int i = 0; i < dTiles.size(); i++) {
            KeyValueTile tile = head.tiles().get(i);
            Matrix p = probabilities.columns(column, tile.size());
            backend.multiply(p, true, dOutput, false, dTiles.get(i).values(), true);
            backend.multiply(dOutput, false, tile.values(), true, dScores.columns(column, tile.size()), false);
            column += tile.size();
        }
        backend.parallel(dScores.rows(), row -> {
            float shift = 0;
            for (int i = 0; i < output.columns(); i++) {
                shift += dOutput.get(row, i) * output.get(row, i);
            }
            int start = row * dScores.stride();
            for (int i = start; i < start + dScores.columns(); i++) {
                float slope = capped ? capSlopes.data()[i] : 1;
                float d = probabilities.data()[i] * (dScores.data()[i] - shift);
                dScores.data()[i] = d * slope * head.scoring().scale();
            }
        });
        column = 0;
        for (int i = 0; i < dTiles.size(); i++) {
            KeyValueTile tile = head.tiles().get(i);
            Matrix d = dScores.columns(column, tile.size());
            backend.multiply(d, false, tile.keys(), false, dQueries, true);
            backend.multiply(d, true, head.queries(), false, dTiles.get(i).keys(), true);
            column += tile.size();
        }
    }

    /** The scores of all queries and keys; {@code capSlopes}, if not null, receives the slope of the soft cap at each. */
    private static Matrix scores(Backend backend, Head head, Matrix capSlopes) {
        Matrix scores = zeros(head);
        int column = 0;
        for (KeyValueTile tile : head.tiles()) {
            Matrix part = scores.columns(column, tile.size());
            backend.multiply(head.queries(), false, tile.keys(), true, part, false);
            Matrix slopes = capSlopes == null ? null : capSlopes.columns(column, tile.size());
            backend.parallel(part.rows(), query -> score(head, query, tile, part, slopes));
            column += tile.size();
        }
        return scores;
    }

    private static void score(Head head, int query, KeyValueTile tile, Matrix scores, Matrix capSlopes) {
        Scoring scoring = head.scoring();
        int start = scores.offset() + query * scores.stride();
        for (int key = 0; key < tile.size(); key++) {
            float score = scores.data()[start + key] * scoring.scale();
            if (scoring.softCap() != 0) {
                float ratio = (float) Math.tanh(score / scoring.softCap());
                score = scoring.softCap() * ratio;
                if (capSlopes != null) {
                    capSlopes.data()[start + key] = 1 - ratio * ratio;
                }
            }
            score += scoring.slope() * (tile.position(key) - head.position(query));
            boolean visible = head.visibility().visible(query, tile, key);
            scores.data()[start + key] = visible ? score : Float.NEGATIVE_INFINITY;
        }
    }

    private static Matrix zeros(Head head) {
        int rows = head.queries().rows();
        int keys = head.tiles().stream().mapToInt(KeyValueTile::size).sum();
        return Matrix.of(new float[Math.multiplyExact(rows, keys)], rows, keys);
    }
}
