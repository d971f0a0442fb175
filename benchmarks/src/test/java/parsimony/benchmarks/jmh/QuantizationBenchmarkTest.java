package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import parsimony.core.tensor.Tensor;

class QuantizationBenchmarkTest {
    @Test
    void theTextbookAndTheTechniqueGiveTheSameWeights() {
        QuantizationBenchmark benchmark = new QuantizationBenchmark();
        benchmark.size = 150;
        benchmark.spec = "gptq:bits=3";
        benchmark.threads = 2;
        benchmark.prepare();
        Tensor blocked = benchmark.technique().decode();
        double[][] textbook = benchmark.textbook();
        int different = 0;
        for (int row = 0; row < 150; row++) {
            for (int i = 0; i < 150; i++) {
                different += Math.abs(blocked.matrix().get(row, i) - textbook[row][i]) > 1e-5 ? 1 : 0;
            }
        }
        // Where a weight lies in the middle of two codes, another rounding of the sums decides, and what follows
        // differs too.
        assertThat((double) different).isCloseTo(0, within(0.01 * 150 * 150));
        benchmark.close();
    }
}
