package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.SparseStorage;

class SparseBenchmarkTest {
    @ParameterizedTest
    @CsvSource({
        "0.5, BF16, BITMASK, 1",
        "0.9, F32, BITMASK, 4",
        "2:4, BF16, BITMASK, 20",
        "4:8, F32, NUMBERS, 1",
        "0.98, BF16, NUMBERS, 70"
    })
    void allComputeTheSameProduct(String sparsity, DataType type, SparseStorage.Positions positions, int batch) {
        SparseBenchmark benchmark = new SparseBenchmark();
        benchmark.shape = "70x128";
        benchmark.sparsity = sparsity;
        benchmark.type = type;
        benchmark.positions = positions;
        benchmark.batch = batch;
        benchmark.threads = 2;
        benchmark.prepare();
        Work work = new Work();
        float[] dense = benchmark.dense(work).array().clone();
        float[] sparse = benchmark.sparse(work).array().clone();
        float[] q8 = benchmark.q8(work).array();
        for (int i = 0; i < dense.length; i++) {
            assertThat(sparse[i]).isCloseTo(dense[i], within(1e-4f));
            assertThat(q8[i]).isCloseTo(dense[i], within(0.1f));
        }
        assertThat(work.gigaweights).isCloseTo(3e-9 * 70 * 128, within(1e-15));
        benchmark.close();
    }
}
