package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttentionBenchmarkTest {
    /** Kernels that are exact, and a window that holds the whole text. */
    @ParameterizedTest
    @ValueSource(strings = {"flash", "flash:queries=16,keys=16", "flash-decoding:split=9", "sliding-window:window=70"})
    void exactKernelsComputeTheSame(String kernel) {
        AttentionBenchmark benchmark = of(kernel);
        AttentionBenchmark naive = of("naive");
        Work work = new Work();
        float[] expected = naive.forward(work).data();
        assertThat(benchmark.forward(work).data()).containsExactly(expected, within(1e-5f));
        float[] last = new float[16];
        System.arraycopy(expected, 69 * 16, last, 0, 16);
        assertThat(benchmark.decode(work).data()).containsExactly(last, within(1e-5f));
        assertThat(benchmark.backward(work).data())
                .containsExactly(naive.backward(work).data(), within(1e-4f));
        assertThat(work.gigaflop).isCloseTo((2 * 2.0 * 70 * 70 + 4 * 70 + 2 * 5.0 * 70 * 70) * 16e-9, within(1e-12));
        assertThat(benchmark.product(work).get(3, 5))
                .isEqualTo(naive.product(work).get(3, 5));
        benchmark.close();
        naive.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"longformer:window=8", "bigbird:block=4", "linear", "performer:features=8"})
    void approximateKernelsComputeNumbers(String kernel) {
        AttentionBenchmark benchmark = of(kernel);
        Work work = new Work();
        assertThat(benchmark.forward(work).data()).doesNotContain(Float.NaN);
        assertThat(benchmark.backward(work).data()).doesNotContain(Float.NaN);
        assertThat(benchmark.decode(work).data()).doesNotContain(Float.NaN);
        benchmark.close();
    }

    private static AttentionBenchmark of(String kernel) {
        AttentionBenchmark benchmark = new AttentionBenchmark();
        benchmark.kernel = kernel;
        benchmark.tokens = 70;
        benchmark.headSize = 16;
        benchmark.threads = 2;
        benchmark.prepare();
        return benchmark;
    }
}
