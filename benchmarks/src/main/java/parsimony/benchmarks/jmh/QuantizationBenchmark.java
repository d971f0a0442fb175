package parsimony.benchmarks.jmh;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import parsimony.core.backend.Backend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * What it takes to quantize one square matrix, from its inputs to its codes, by each method, and by GPTQ as one would write it from the paper's formulas,
 * column by column on one thread.
 */
@Lesson("GPTQ in blocks, against the textbook's loop")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3)
@Measurement(iterations = 5)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx4g"})
public class QuantizationBenchmark {
    private static final int BITS = 3;
    private static final double DAMPING = 0.01;

    /** Outputs and inputs of the layer, which sees as many samples. */
    @Param({"512", "1024"})
    public int size;

    /** Another method for {@link #technique}. */
    @Param("gptq:bits=3")
    public String spec;

    /** How many threads work. */
    @Param("2")
    public int threads;

    private Backend backend;
    private Tensor weights;
    private Tensor inputs;

    /** Fills weights and inputs with random numbers. */
    @Setup
    public void prepare() {
        backend = new VectorBackend(threads);
        Random random = new Random(1);
        weights = normal(random);
        inputs = normal(random);
    }

    private Tensor normal(Random random) {
        Tensor result = Tensor.zeros(size, size);
        for (int i = 0; i < result.size(); i++) {
            result.array()[i] = (float) random.nextGaussian();
        }
        return result;
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        backend.close();
    }

    /** The technique of this project. */
    @Benchmark
    public WeightStorage technique() {
        return TechniqueSpec.parse(spec)
                .compress(
                        "weight",
                        new TensorStorage(weights),
                        inputs,
                        TechniqueContext.of(backend).withScaleType(DataType.F32));
    }

    /** GPTQ in whole rows, without blocks: every rounded column updates all that follow. */
    @Benchmark
    public double[][] textbook() {
        double[][] h = new double[size][size];
        for (int n = 0; n < size; n++) {
            float[] x = inputs.array();
            for (int i = 0; i < size; i++) {
                double xi = 2 * x[n * size + i];
                for (int j = 0; j < size; j++) {
                    h[i][j] += xi * x[n * size + j];
                }
            }
        }
        double mean = 0;
        for (int i = 0; i < size; i++) {
            mean += h[i][i] / size;
        }
        for (int i = 0; i < size; i++) {
            h[i][i] += DAMPING * mean;
        }
        double[][] lower = cholesky(inverse(cholesky(h)));
        double[][] w = new double[size][size];
        Grid[] grids = new Grid[size];
        for (int row = 0; row < size; row++) {
            grids[row] = Grid.fit(weights.array(), row * size, size, BITS, false, DataType.F32);
            for (int i = 0; i < size; i++) {
                w[row][i] = weights.array()[row * size + i];
            }
        }
        for (int j = 0; j < size; j++) {
            for (int row = 0; row < size; row++) {
                double q = grids[row].round((float) w[row][j]);
                double error = (w[row][j] - q) / lower[j][j];
                for (int k = j + 1; k < size; k++) {
                    w[row][k] -= error * lower[k][j];
                }
                w[row][j] = q;
            }
        }
        return w;
    }

    /** L for which A = L · Lᵀ. */
    private static double[][] cholesky(double[][] a) {
        int n = a.length;
        double[][] l = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = a[i][j];
                for (int k = 0; k < j; k++) {
                    sum -= l[i][k] * l[j][k];
                }
                l[i][j] = i == j ? Math.sqrt(sum) : sum / l[j][j];
            }
        }
        return l;
    }

    /** (L · Lᵀ)⁻¹. */
    private static double[][] inverse(double[][] l) {
        int n = l.length;
        double[][] result = new double[n][n];
        for (int column = 0; column < n; column++) {
            double[] x = new double[n];
            for (int i = column; i < n; i++) {
                double sum = i == column ? 1 : 0;
                for (int k = column; k < i; k++) {
                    sum -= l[i][k] * x[k];
                }
                x[i] = sum / l[i][i];
            }
            for (int i = n - 1; i >= 0; i--) {
                for (int k = i + 1; k < n; k++) {
                    x[i] -= l[k][i] * x[k];
                }
                x[i] /= l[i][i];
            }
            result[column] = x;
        }
        return result;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(QuantizationBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
