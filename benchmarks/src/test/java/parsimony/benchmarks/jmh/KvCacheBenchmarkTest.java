package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KvCacheBenchmarkTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "paged; 0",
                "quantized:bits=8,residual=16; 0.01",
                "h2o:heavy=100,recent=100; 1e-6",
                "scissorhands:budget=200; 1e-6",
                "streaming-llm:recent=200; 1e-4",
                "window:recent=200; 1e-6",
                "window:recent=20; 10"
            })
    void aCacheThatKeepsEverythingGivesWhatTheFullOneGives(String cache, float tolerance) {
        float[] expected = run("full");
        assertThat(run(cache)).containsExactly(expected, within(tolerance));
        assertThat(run(cache)).containsExactly(run(cache));
    }

    private static float[] run(String cache) {
        KvCacheBenchmark benchmark = new KvCacheBenchmark();
        benchmark.cache = cache;
        benchmark.context = 70;
        benchmark.threads = 2;
        benchmark.prepare();
        benchmark.fork();
        float[] hidden = benchmark.appendAndAttend(new Work()).array();
        benchmark.forget();
        benchmark.fork();
        assertThat(benchmark.appendAndAttend(new Work()).array()).containsExactly(hidden);
        benchmark.forget();
        benchmark.close();
        return hidden;
    }
}
