package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiPredicate;
import java.util.stream.IntStream;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;

/** Sparse patterns against the textbook with a mask. */
final class PatternChecks {
    private PatternChecks() {}

    static AttentionKernel kernel(String technique) {
        return ((LlamaBlock) WholeModel.with(WholeModel.random(WholeModel.CONFIG), technique)
                        .blocks()
                        .get(0))
                .attention()
                .kernel();
    }

    static void check(String technique, BiPredicate<Integer, Integer> sees) {
        check(kernel(technique), sees);
    }

    static void check(AttentionKernel kernel, BiPredicate<Integer, Integer> sees) {
        for (int rows : new int[] {1, 3, 17, 130, 300}) {
            for (int before : new int[] {0, 50, 333}) {
                check(kernel, sees, rows, before);
            }
        }
        skipsTiles(kernel);
    }

    private static void check(AttentionKernel kernel, BiPredicate<Integer, Integer> sees, int rows, int before) {
        int keys = rows + before;
        int[] positions = IntStream.range(-2, keys).toArray();
        Visibility causal = new Visibility.Causal(positions, before + 2);
        // Two learned keys that stand before the text.
        Visibility masked = (query, tile, key) -> causal.visible(query, tile, key)
                && (tile.position(key) < 0 || sees.test(positions[before + 2 + query], tile.position(key)));
        Matrix[] expected = run(new NaiveAttention(), masked, positions, rows, before);
        Matrix[] actual = run(kernel, causal, positions, rows, before);
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i].data())
                    .as(rows + " queries after " + before + ", result " + i)
                    .containsExactly(expected[i].data(), within(1e-4f));
        }
    }

    private static Matrix[] run(AttentionKernel kernel, Visibility visibility, int[] positions, int rows, int before) {
        Matrix[] results = {random(rows, 1), random(rows, 2), random(positions.length, 3), random(positions.length, 4)};
        float[] logSumExp = new float[rows];
        AttentionKernel.Head head = new AttentionKernel.Head(
                random(rows, 5),
                positions,
                before + 2,
                List.of(
                        tile(random(positions.length, 6), random(positions.length, 7), positions, 0, 2),
                        tile(random(positions.length, 6), random(positions.length, 7), positions, 2, rows + before)),
                visibility,
                new AttentionKernel.Scoring(0.5f, 0, 0));
        ScalarBackend backend = new ScalarBackend();
        kernel.forward(backend, head, results[0], logSumExp, 0);
        kernel.backward(
                backend,
                head,
                results[0],
                logSumExp,
                0,
                random(rows, 8),
                results[1],
                List.of(
                        tile(results[2], results[3], positions, 0, 2),
                        tile(results[2], results[3], positions, 2, rows + before)));
        return results;
    }

    private static KeyValueTile tile(Matrix keys, Matrix values, int[] positions, int first, int size) {
        return new KeyValueTile(keys.rows(first, size), values.rows(first, size), positions, first);
    }

    /** A pattern that hides most of a long text must not compute it. */
    private static void skipsTiles(AttentionKernel kernel) {
        AtomicLong products = new AtomicLong();
        ScalarBackend counting = new ScalarBackend() {
            @Override
            public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean add) {
                products.addAndGet((long) c.rows() * c.columns() * (transposeA ? a.rows() : a.columns()));
            }

            @Override
            public void onlineSoftmax(Matrix x, float[] max, float[] sum, float[] correction) {
                Arrays.fill(sum, 1);
            }
        };
        int rows = 4096;
        int[] positions = IntStream.range(0, rows).toArray();
        Matrix x = random(rows, 1);
        kernel.forward(
                counting,
                new AttentionKernel.Head(
                        x,
                        positions,
                        0,
                        List.of(new KeyValueTile(x, x, positions, 0)),
                        new Visibility.Causal(positions, 0),
                        new AttentionKernel.Scoring(1, 0, 0)),
                random(rows, 2),
                new float[rows],
                0);
        // Scores and weighted values of every pair that a causal text has.
        long all = 2L * x.columns() * rows * rows / 2;
        assertThat(products.get()).isBetween(1L, all / 4);
    }

    private static Matrix random(int rows, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] data = new float[rows * 6];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) random.nextGaussian();
        }
        return Matrix.of(data, rows, 6);
    }
}
