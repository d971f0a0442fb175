package parsimony.benchmarks.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.opencl.OpenClDevice;

class BackendBenchmarkTest {
    private static BackendBenchmark on(String backend) {
        if (backend.equals("opencl")) {
            OpenClDevice.open().close();
        }
        BackendBenchmark benchmark = new BackendBenchmark();
        benchmark.backend = backend;
        benchmark.threads = 2;
        benchmark.prepare();
        return benchmark;
    }

    @ParameterizedTest
    @ValueSource(strings = {"vector", "nd4j", "opencl"})
    void every_backend_computes_what_the_scalar_one_does(String backend) throws IOException {
        BackendBenchmark benchmark = on(backend);
        BackendBenchmark scalar = on("scalar");
        assertClose(product(benchmark), product(scalar));
        for (String storage : new String[] {"f32", "f16", "q8_0", "q4_0", "int4"}) {
            for (int batch : new int[] {1, 20}) {
                assertClose(layer(benchmark, storage, batch), layer(scalar, storage, batch));
            }
        }
        float[] logits = decodeStep(benchmark);
        assertThat(logits).hasSize(4096);
        assertThat(decodeStep(benchmark)).as("the step is forgotten").isEqualTo(logits);
        benchmark.close();
        scalar.close();
    }

    private static float[] product(BackendBenchmark benchmark) {
        BackendBenchmark.Factors factors = new BackendBenchmark.Factors();
        factors.size = 200;
        factors.prepare();
        return benchmark.product(factors, new Work());
    }

    private static float[] layer(BackendBenchmark benchmark, String storage, int batch) {
        BackendBenchmark.Layer layer = new BackendBenchmark.Layer();
        layer.shape = "48x96";
        layer.storage = storage;
        layer.batch = batch;
        layer.prepare(benchmark);
        return benchmark.layer(layer, new Work());
    }

    private static float[] decodeStep(BackendBenchmark benchmark) throws IOException {
        BackendBenchmark.Model model = new BackendBenchmark.Model();
        model.technique = "dense";
        model.prepare(benchmark);
        benchmark.decodeStep(model, new Work());
        float[] logits = benchmark.decodeStep(model, new Work());
        model.close();
        return logits;
    }

    /** Kernels may round inputs to 8 bits. */
    private static void assertClose(float[] actual, float[] expected) {
        float largest = 0;
        for (float number : expected) {
            largest = Math.max(largest, Math.abs(number));
        }
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(0.02f * largest));
        }
    }
}
