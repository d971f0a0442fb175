package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PackedMatvecBenchmarkTest {
    @ParameterizedTest
    @CsvSource({"2, 32, true, 1", "3, -1, false, 4", "4, 32, true, 9", "8, 16, false, 2"})
    void computesTheProduct(int bits, int group, boolean symmetric, int batch) {
        PackedMatvecBenchmark benchmark = new PackedMatvecBenchmark();
        benchmark.shape = "70x100";
        benchmark.bits = bits;
        benchmark.group = group;
        benchmark.symmetric = symmetric;
        benchmark.batch = batch;
        benchmark.threads = 2;
        benchmark.prepare();
        Work work = new Work();
        float[] packed = benchmark.packed(work).array();
        float[] weights = benchmark.weights().decode().array();
        float[] x = benchmark.inputs().array();
        for (int i = 0; i < packed.length; i++) {
            double sum = 0;
            for (int j = 0; j < 100; j++) {
                sum += (double) weights[i % 70 * 100 + j] * x[i / 70 * 100 + j];
            }
            assertThat((double) packed[i]).isCloseTo(sum, within(1e-3));
        }
        assertThat(benchmark.read(work)).hasSize(16).containsOnly(0);
        assertThat(work.gigaweights).as("reading alone multiplies by none").isCloseTo(1e-9 * 70 * 100, within(1e-15));
        assertThat(work.gigabytes).isPositive();
        benchmark.close();
    }
}
