package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.AttentionKernelContract;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class FlashAttentionTest {
    private Backend vector;

    @BeforeAll
    void start() {
        vector = Backends.create("vector", 2);
    }

    @AfterAll
    void stop() {
        vector.close();
    }

    /** Tiles and pieces so small that every case has many. */
    @Nested
    class WithSmallTiles extends AttentionKernelContract {
        @Override
        protected AttentionKernel kernel() {
            return new FlashAttention(24, 40, 33);
        }
    }

    @Nested
    class WithItsOwnTiles extends AttentionKernelContract {
        @Override
        protected AttentionKernel kernel() {
            return new FlashAttention();
        }
    }

    @Nested
    class WithVectors extends AttentionKernelContract {
        @Override
        protected AttentionKernel kernel() {
            return new FlashAttention(32, 48, 64);
        }

        @Override
        protected Backend backend() {
            return vector;
        }
    }

    /** Any length, one head alone on two threads, against the whole matrix of scores. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 3000", "8, 1030", "9, 9", "255, 255", "257, 257", "300, 1100", "700, 700", "1000, 10"})
    void equalsNaive(int rows, int keys) {
        Run flash = new Run(vector, new FlashAttention(), rows, keys);
        Run naive = new Run(vector, new NaiveAttention(), rows, keys);
        assertClose("output", flash.output, naive.output, 1e-5f);
        assertThat(flash.logSumExp).containsExactly(naive.logSumExp, within(1e-5f));
        assertClose("dQueries", flash.dQueries, naive.dQueries, 3e-5f);
        assertClose("dKeys", flash.dKeys, naive.dKeys, 3e-5f);
        assertClose("dValues", flash.dValues, naive.dValues, 3e-5f);
    }

    @Test
    void threadsChangeNoBit() {
        Run two = new Run(vector, new FlashAttention(), 600, 600);
        try (Backend one = Backends.create("vector", 1)) {
            Run alone = new Run(one, new FlashAttention(), 600, 600);
            assertThat(two.output.data()).containsExactly(alone.output.data());
            assertThat(two.dQueries.data()).containsExactly(alone.dQueries.data());
            assertThat(two.dKeys.data()).containsExactly(alone.dKeys.data());
            assertThat(two.dValues.data()).containsExactly(alone.dValues.data());
        }
    }

    /** Keys as a paged cache gives them: many small tiles. */
    @ParameterizedTest
    @CsvSource({"1", "40"})
    void smallTilesAreComputedTogether(int rows) {
        int keys = 200;
        int[] positions = IntStream.range(0, keys).toArray();
        Matrix queries = random(rows, 16, 1);
        Matrix keyRows = random(keys, 16, 2);
        Matrix values = random(keys, 16, 3);
        List<KeyValueTile> pages = IntStream.range(0, 25)
                .mapToObj(i -> new KeyValueTile(keyRows.rows(8 * i, 8), values.rows(8 * i, 8), positions, 8 * i))
                .toList();
        Visibility causal = new Visibility.Causal(positions, keys - rows);
        Matrix expected = Matrix.of(new float[rows * 16], rows, 16);
        Matrix actual = Matrix.of(new float[rows * 16], rows, 16);
        AttentionKernel.Scoring scoring = new AttentionKernel.Scoring(0.3f, 0, 0);
        new NaiveAttention()
                .forward(
                        vector,
                        new AttentionKernel.Head(queries, positions, keys - rows, pages, causal, scoring),
                        expected,
                        new float[rows],
                        0);
        new FlashAttention(32, 50, 30)
                .forward(
                        vector,
                        new AttentionKernel.Head(queries, positions, keys - rows, pages, causal, scoring),
                        actual,
                        new float[rows],
                        0);
        assertClose("output", actual, expected, 1e-5f);
    }

    @ParameterizedTest
    @CsvSource({"1", "12"})
    void keysThatNobodySeesAreNotTouched(int rows) {
        float[] poison = new float[128 * 4];
        Arrays.fill(poison, Float.NaN);
        Matrix hidden = Matrix.of(poison, 128, 4);
        Matrix seen = random(20, 4, 1);
        int[] positions = IntStream.range(0, 148).toArray();
        Matrix output = Matrix.of(new float[rows * 4], rows, 4);
        new FlashAttention()
                .forward(
                        new ScalarBackend(),
                        new AttentionKernel.Head(
                                random(rows, 4, 2),
                                positions,
                                20 - rows,
                                List.of(
                                        new KeyValueTile(seen, seen, positions, 0),
                                        new KeyValueTile(hidden, hidden, positions, 20)),
                                new Visibility.Causal(positions, 20 - rows),
                                new AttentionKernel.Scoring(1, 0, 0)),
                        output,
                        new float[rows],
                        0);
        assertThat(output.data()).doesNotContain(Float.NaN);
    }

    /** The scores of 16384 tokens would fill a gigabyte. */
    @Test
    void memoryDoesNotGrowWithTheScores() {
        long[] flash = allocated(new FlashAttention(), 16_384);
        assertThat(flash[0]).as("forward").isLessThan(8 << 20);
        assertThat(flash[1]).as("backward").isLessThan(8 << 20);
        assertThat(allocated(new NaiveAttention(), 2048)[0]).isGreaterThan(16 << 20);
    }

    /** Bytes that a causal head of 64 numbers allocates, forward and backward, beside what the backend needs. */
    private static long[] allocated(AttentionKernel kernel, int tokens) {
        Matrix x = Matrix.of(new float[tokens * 64], tokens, 64);
        float[] logSumExp = new float[tokens];
        int[] positions = IntStream.range(0, tokens).toArray();
        KeyValueTile tile = new KeyValueTile(x, x, positions, 0);
        AttentionKernel.Head head = new AttentionKernel.Head(
                x,
                positions,
                0,
                List.of(tile),
                new Visibility.Causal(positions, 0),
                new AttentionKernel.Scoring(0.125f, 0, 0));
        Backend idle = new IdleBackend();
        return new long[] {
            allocated(() -> kernel.forward(idle, head, x, logSumExp, 0)),
            allocated(() -> kernel.backward(idle, head, x, logSumExp, 0, x, x, List.of(tile)))
        };
    }

    /** Computes nothing, and so allocates nothing. */
    private static final class IdleBackend extends ScalarBackend {
        @Override
        public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean add) {}

        @Override
        public void softmax(Matrix x, float[] logSumExp, int offset) {}

        @Override
        public void exponential(Matrix x, float[] logSumExp, int offset) {}

        @Override
        public void onlineSoftmax(Matrix x, float[] max, float[] sum, float[] correction) {}

        @Override
        public void softmaxBackward(Matrix x, float[] logSumExp, Matrix dx, float[] delta) {}
    }

    private static long allocated(Runnable task) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        task.run();
        return threads.getCurrentThreadAllocatedBytes() - before;
    }

    /** A causal head, forward and backward, with the same numbers whatever the kernel. */
    private static final class Run {
        final Matrix output;
        final float[] logSumExp;
        final Matrix dQueries;
        final Matrix dKeys;
        final Matrix dValues;

        Run(Backend backend, AttentionKernel kernel, int rows, int keys) {
            int size = 20;
            int[] positions = IntStream.range(0, Math.max(rows, keys)).toArray();
            int first = Math.max(0, keys - rows);
            output = random(rows, size, 9);
            logSumExp = new float[rows];
            dQueries = random(rows, size, 5);
            dKeys = random(keys, size, 6);
            dValues = random(keys, size, 7);
            AttentionKernel.Head head = new AttentionKernel.Head(
                    random(rows, size, 1),
                    positions,
                    first,
                    List.of(new KeyValueTile(random(keys, size, 2), random(keys, size, 3), positions, 0)),
                    new Visibility.Causal(positions, first),
                    new AttentionKernel.Scoring(0.4f, 0, 0));
            kernel.forward(backend, head, output, logSumExp, 0);
            kernel.backward(
                    backend,
                    head,
                    output,
                    logSumExp,
                    0,
                    random(rows, size, 4),
                    dQueries,
                    List.of(new KeyValueTile(dKeys, dValues, positions, 0)));
        }
    }

    private static void assertClose(String what, Matrix actual, Matrix expected, float tolerance) {
        float largest = 1;
        for (float x : expected.data()) {
            largest = Math.max(largest, Math.abs(x));
        }
        assertThat(actual.data()).as(what).containsExactly(expected.data(), within(tolerance * largest));
    }

    private static Matrix random(int rows, int columns, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return tensor.matrix();
    }
}
