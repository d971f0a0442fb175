package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.nd4j.linalg.api.ndarray.INDArray;

class GemmBenchmarkTest {
    @ParameterizedTest
    @ValueSource(strings = {"45x33x70 none", "45x33x70 A", "45x33x70 B"})
    void bothComputeTheSameProduct(String shape) {
        GemmBenchmark benchmark = new GemmBenchmark();
        benchmark.shape = shape;
        benchmark.threads = 2;
        benchmark.prepare();
        Work work = new Work();
        float[] ours = benchmark.vector(work);
        INDArray theirs = benchmark.openBlas(work);
        for (int i = 0; i < 45; i++) {
            for (int j = 0; j < 33; j++) {
                assertThat(ours[i * 33 + j]).isCloseTo(theirs.getFloat(i, j), within(1e-4f));
            }
        }
        assertThat(work.gigaflop).isCloseTo(2 * 2e-9 * 45 * 33 * 70, within(1e-15));
        benchmark.close();
    }
}
