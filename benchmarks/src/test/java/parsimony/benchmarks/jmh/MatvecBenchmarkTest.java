package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.tensor.DataType;

class MatvecBenchmarkTest {
    @ParameterizedTest
    @EnumSource
    void multipliesPositiveWeightsWithinTheirBounds(DataType format) {
        MatvecBenchmark benchmark = new MatvecBenchmark();
        benchmark.shape = "70x300";
        benchmark.format = format;
        benchmark.batch = 2;
        benchmark.threads = 2;
        benchmark.prepare();
        Work work = new Work();
        assertThat(benchmark.multiply(work)).hasSize(140).doesNotContain(0);
        assertThat(benchmark.read(work)).hasSize(16).containsOnly(0);
        assertThat(work.gigabytes).isCloseTo(2e-9 * 70 * 300 * format.bytes(), within(1e-15));
        benchmark.close();
    }
}
