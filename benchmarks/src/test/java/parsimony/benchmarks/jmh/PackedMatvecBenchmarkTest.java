package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PackedMatvecBenchmarkTest {
    @ParameterizedTest
    @CsvSource({"2, 32, true, 1", "3, -1, false, 4", "4, 32, true, 9", "8, 16, false, 2"})
    void bothComputeTheSameProduct(int bits, int group, boolean symmetric, int batch) {
        PackedMatvecBenchmark benchmark = new PackedMatvecBenchmark();
        benchmark.shape = "70x100";
        benchmark.bits = bits;
        benchmark.group = group;
        benchmark.symmetric = symmetric;
        benchmark.batch = batch;
        benchmark.threads = 2;
        benchmark.prepare();
        PackedMatvecBenchmark.Work work = new PackedMatvecBenchmark.Work();
        float[] packed = benchmark.packed(work).array().clone();
        float[] dense = benchmark.dense(work).array();
        for (int i = 0; i < dense.length; i++) {
            assertThat(packed[i]).isCloseTo(dense[i], within(1e-3f));
        }
        assertThat(benchmark.copy(work)).containsOnly(1);
        assertThat(work.gigaweights).isCloseTo(3e-9 * 70 * 100, within(1e-15));
        assertThat(work.gigabytes).isPositive();
        benchmark.close();
    }
}
