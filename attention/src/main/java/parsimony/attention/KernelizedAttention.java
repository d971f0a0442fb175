package parsimony.attention;

import java.util.ArrayList;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.model.RecurrentKernel;
import parsimony.core.model.Visibility.Coverage;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Matrix;

/**
 * Attention with weights φ(q) · φ(k). Sums over keys then need not know the query: S = Σ φ(k) · [v, 1]ᵀ gives φ(q) · S = [numerator, denominator], whatever
 * the number of keys. Time grows linearly with the text. Scores that are biased or capped, as ALiBi's are, are refused.
 *
 * <p>Texts go by in chunks: the keys that all later queries see are taken into S, and those that only some see, around the diagonal, are multiplied one by
 * one. The gradients flow through the same sums, forwards for the queries, backwards for keys and values.
 */
final class KernelizedAttention implements RecurrentKernel {
    private static final int CHUNK = 64;

    private final String name;
    private final FeatureMap map;

    KernelizedAttention(String name, FeatureMap map) {
        this.name = name;
        this.map = map;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public KvCache newState(int keyValueHeads, int headSize) {
        return new KernelizedState(map, keyValueHeads, headSize);
    }

    @Override
    public void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset) {
        Pass pass = new Pass(backend, head, Float.NEGATIVE_INFINITY);
        pass.forward(pass.zeroSums(), output, logSumExp, offset);
    }

    @Override
    public void forward(Backend backend, Head head, KvCache state, int keyValueHead, Matrix output) {
        KernelizedState past = (KernelizedState) state;
        past.project(backend, keyValueHead, head.scoring().scale());
        Pass pass = new Pass(backend, head, past.shift(keyValueHead));
        pass.forward(past.sums(keyValueHead, pass.keyShift), output, new float[output.rows()], 0);
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
        new Pass(backend, head, Float.NEGATIVE_INFINITY).backward(output, logSumExp, offset, dOutput, dQueries, dTiles);
    }

    /** A product of features has no place for what is done to a score before its exponential. */
    private void requirePlainScores(Scoring scoring) {
        if (scoring.slope() != 0 || scoring.softCap() != 0) {
            throw new TechniqueException(name + " attention never computes scores, so that they cannot be "
                    + (scoring.slope() != 0
                            ? "lowered with the distance: take positions other than alibi"
                            : "capped: take another kernel"));
        }
    }

    /** The features of a head, and what is computed from them. */
    private final class Pass {
        private final Backend backend;
        private final AttentionKernel.Head head;
        private final int headSize;
        private final int features;
        private final List<Chunk> chunks = new ArrayList<>();
        /** φ(q) [queries, features], each row divided by a number of its own. */
        private final Matrix queries;
        /** φ(k) [keys, features], all divided by one number, exp(keyShift). */
        private final Matrix keys;
        /** [v, 1] for each key. */
        private final Matrix values;

        private final float keyShift;

        /** @param leastShift what the sums of the past have been divided by */
        Pass(Backend backend, AttentionKernel.Head head, float leastShift) {
            this.backend = backend;
            this.head = head;
            requirePlainScores(head.scoring());
            headSize = head.queries().columns();
            features = map.features(headSize);
            int count = 0;
            for (int index = 0; index < head.tiles().size(); index++) {
                int size = head.tiles().get(index).size();
                for (int first = 0; first < size; first += CHUNK) {
                    chunks.add(new Chunk(index, first, Math.min(CHUNK, size - first), count + first));
                }
                count += size;
            }
            float scale = head.scoring().scale();
            queries = Features.of(map, backend, head.queries(), scale).values();
            keys = zeros(count, features);
            values = zeros(count, headSize + 1);
            keyShift = gather(leastShift, scale);
        }

        /** Puts the keys and values of all tiles together; returns what all keys are divided by the exponential of. */
        private float gather(float leastShift, float scale) {
            List<Features> ofTiles = head.tiles().stream()
                    .map(tile -> Features.of(map, backend, tile.keys(), scale))
                    .toList();
            float shift = leastShift;
            for (Features tile : ofTiles) {
                for (float ofRow : tile.shifts()) {
                    shift = Math.max(shift, ofRow);
                }
            }
            int at = 0;
            for (int index = 0; index < ofTiles.size(); index++) {
                Matrix tileValues = head.tiles().get(index).values();
                for (int row = 0; row < tileValues.rows(); row++, at++) {
                    copyScaled(ofTiles.get(index), row, shift, at);
                    int from = tileValues.offset() + row * tileValues.stride();
                    int to = at * (headSize + 1);
                    System.arraycopy(tileValues.data(), from, values.data(), to, headSize);
                    values.data()[to + headSize] = 1;
                }
            }
            return shift;
        }

        private void copyScaled(Features source, int row, float shift, int target) {
            float factor = source.factor(row, shift);
            for (int i = 0; i < features; i++) {
                keys.data()[target * features + i] = factor * source.values().get(row, i);
            }
        }

        Matrix zeroSums() {
            return zeros(features, headSize + 1);
        }

        /** @param sums S of what everyone sees [features, headSize + 1], divided by exp(keyShift); changed */
        void forward(Matrix sums, Matrix output, float[] logSumExp, int offset) {
            Matrix weighted = zeros(queries.rows(), headSize + 1);
            sweep((first, rows, absorbed, own) -> {
                for (Chunk chunk : absorbed) {
                    backend.multiply(chunk.keys(this), true, chunk.values(this), false, sums, true);
                }
                Matrix some = queries.rows(first, rows);
                Matrix result = weighted.rows(first, rows);
                backend.multiply(some, false, sums, false, result, false);
                for (Chunk chunk : own) {
                    backend.multiply(weights(chunk, first, rows), false, chunk.values(this), false, result, true);
                }
            });
            for (int row = 0; row < queries.rows(); row++) {
                float sum = weighted.get(row, headSize);
                logSumExp[offset + row] = (float) Math.log(sum);
                for (int i = 0; i < headSize; i++) {
                    output.data()[output.offset() + row * output.stride() + i] =
                            sum == 0 ? 0 : weighted.get(row, i) / sum;
                }
            }
        }

        void backward(
                Matrix output,
                float[] logSumExp,
                int offset,
                Matrix dOutput,
                Matrix dQueries,
                List<KeyValueTile> dTiles) {
            Matrix dWeighted = weightedGradient(output, logSumExp, offset, dOutput);
            Matrix dQueryFeatures = zeros(queries.rows(), features);
            Matrix dKeyFeatures = zeros(keys.rows(), features);
            Matrix dValues = zeros(values.rows(), headSize + 1);
            Matrix sums = zeroSums();
            List<Step> steps = new ArrayList<>();
            sweep((first, rows, absorbed, own) -> {
                for (Chunk chunk : absorbed) {
                    backend.multiply(chunk.keys(this), true, chunk.values(this), false, sums, true);
                }
                Matrix d = dWeighted.rows(first, rows);
                Matrix dSome = dQueryFeatures.rows(first, rows);
                backend.multiply(d, false, sums, true, dSome, false);
                for (Chunk chunk : own) {
                    Matrix weights = weights(chunk, first, rows);
                    backend.multiply(weights, true, d, false, chunk.of(dValues), true);
                    backend.multiply(d, false, chunk.values(this), true, weights, false);
                    mask(chunk, first, weights);
                    backend.multiply(weights, false, chunk.keys(this), false, dSome, true);
                    backend.multiply(weights, true, queries.rows(first, rows), false, chunk.of(dKeyFeatures), true);
                }
                steps.add(new Step(first, rows, absorbed));
            });
            // Backwards through the text: what later queries ask of the keys that all of them see.
            Matrix asked = zeroSums();
            for (Step step : steps.reversed()) {
                Matrix d = dWeighted.rows(step.first, step.rows);
                backend.multiply(queries.rows(step.first, step.rows), true, d, false, asked, true);
                for (Chunk chunk : step.absorbed) {
                    backend.multiply(chunk.values(this), false, asked, true, chunk.of(dKeyFeatures), true);
                    backend.multiply(chunk.keys(this), false, asked, false, chunk.of(dValues), true);
                }
            }
            float scale = head.scoring().scale();
            multiplyBySlopes(queries, dQueryFeatures);
            map.projectBackward(backend, head.queries(), scale, dQueryFeatures, dQueries);
            multiplyBySlopes(keys, dKeyFeatures);
            int at = 0;
            for (int index = 0; index < dTiles.size(); index++) {
                KeyValueTile dTile = dTiles.get(index);
                Matrix dProjected = dKeyFeatures.rows(at, dTile.size());
                map.projectBackward(backend, head.tiles().get(index).keys(), scale, dProjected, dTile.keys());
                for (int row = 0; row < dTile.size(); row++, at++) {
                    int to = dTile.values().offset() + row * dTile.values().stride();
                    for (int i = 0; i < headSize; i++) {
                        dTile.values().data()[to + i] += dValues.get(at, i);
                    }
                }
            }
        }

        /** With n numerators and a denominator s, o = n / s: dn = dO / s, ds = −(dO · o) / s. */
        private Matrix weightedGradient(Matrix output, float[] logSumExp, int offset, Matrix dOutput) {
            Matrix d = zeros(output.rows(), headSize + 1);
            for (int row = 0; row < output.rows(); row++) {
                float sum = (float) Math.exp(logSumExp[offset + row]);
                float inverse = sum == 0 ? 0 : 1 / sum;
                float product = 0;
                for (int i = 0; i < headSize; i++) {
                    product += dOutput.get(row, i) * output.get(row, i);
                    d.data()[row * (headSize + 1) + i] = dOutput.get(row, i) * inverse;
                }
                d.data()[row * (headSize + 1) + headSize] = -product * inverse;
            }
            return d;
        }

        private void multiplyBySlopes(Matrix of, Matrix d) {
            for (int i = 0; i < of.rows() * features; i++) {
                d.data()[i] *= map.slope(of.data()[i]);
            }
        }

        /** Goes over the queries: with each chunk of them come the keys that it and all later ones see, and those that are left and seen by some. */
        private void sweep(Visit visit) {
            int next = 0;
            for (int first = 0; first < queries.rows(); first += CHUNK) {
                int rows = Math.min(CHUNK, queries.rows() - first);
                int begin = next;
                while (next < chunks.size()
                        && chunks.get(next).coverage(head, first, queries.rows() - first) == Coverage.ALL) {
                    next++;
                }
                int from = first;
                List<Chunk> own = chunks.subList(next, chunks.size()).stream()
                        .filter(chunk -> chunk.coverage(head, from, rows) != Coverage.NONE)
                        .toList();
                visit.chunk(first, rows, chunks.subList(begin, next), own);
            }
        }

        /** φ(q) · φ(k), 0 for what is not seen. */
        private Matrix weights(Chunk chunk, int first, int rows) {
            Matrix weights = zeros(rows, chunk.size);
            backend.multiply(queries.rows(first, rows), false, chunk.keys(this), true, weights, false);
            mask(chunk, first, weights);
            return weights;
        }

        private void mask(Chunk chunk, int first, Matrix weights) {
            KeyValueTile tile = head.tiles().get(chunk.tileIndex);
            for (int row = 0; row < weights.rows(); row++) {
                for (int key = 0; key < chunk.size; key++) {
                    if (!head.visibility().visible(first + row, tile, chunk.first + key)) {
                        weights.data()[row * chunk.size + key] = 0;
                    }
                }
            }
        }
    }

    static Matrix zeros(int rows, int columns) {
        return Matrix.of(new float[rows * columns], rows, columns);
    }

    private interface Visit {
        void chunk(int first, int rows, List<Chunk> absorbed, List<Chunk> own);
    }

    private record Step(int first, int rows, List<Chunk> absorbed) {}

    /** Keys {@code first … first + size − 1} of a tile; {@code row} is the first one's row among all keys. */
    private record Chunk(int tileIndex, int first, int size, int row) {
        Matrix of(Matrix all) {
            return all.rows(row, size);
        }

        Matrix keys(Pass pass) {
            return of(pass.keys);
        }

        Matrix values(Pass pass) {
            return of(pass.values);
        }

        Coverage coverage(AttentionKernel.Head head, int firstQuery, int queries) {
            return head.visibility().coverage(firstQuery, queries, head.tiles().get(tileIndex), first, size);
        }
    }
}
