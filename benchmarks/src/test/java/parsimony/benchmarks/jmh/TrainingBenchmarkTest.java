package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class TrainingBenchmarkTest {
    /** What a model that knows nothing pays for a token of 4096. */
    private static final double KNOWS_NOTHING = Math.log(4096);

    private static final double PARAMETERS = 6_163_712;

    @Test
    void aStepIsAStepOfTrainingAndCountsItsOperations() throws IOException {
        TrainingBenchmark benchmark = new TrainingBenchmark();
        benchmark.threads = 2;
        benchmark.context = 32;
        benchmark.prepare();
        Work work = new Work();
        double first = benchmark.step(work);
        assertThat(first).isCloseTo(KNOWS_NOTHING, within(0.2));
        assertThat(benchmark.step(work)).as("other text, other weights").isNotEqualTo(first);
        double steps = work.gigaflop;
        double tokens = steps / 2 / (6 * PARAMETERS / 1e9);
        assertThat(tokens).as("6 · parameters · tokens, twice").isCloseTo(Math.rint(tokens), within(1e-6));
        float product = benchmark.product(work);
        assertThat(product)
                .as("of 1024 products of numbers between -1/2 and 1/2")
                .isBetween(-15f, 15f)
                .isNotZero();
        assertThat(work.gigaflop - steps).isCloseTo(2 * 1.073741824, within(1e-9));
        benchmark.close();
    }
}
