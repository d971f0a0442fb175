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
import parsimony.benchmarks.Roofline;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.vector.Matvec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

/**
 * Matrix × vector against the speed at which the same memory can be read at all. The counter {@code gigabytes} is GB/s of
 * weights: {@link #multiply} is as fast as can be when it comes near {@link #read}. A matrix that fits the last cache is
 * read faster than memory allows.
 */
@Lesson("Matrix times vector, against the speed of memory")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class MatvecBenchmark {
    private static final int TASKS_PER_THREAD = 8;

    /** Outputs and inputs of the layer. */
    @Param({"32768x4096", "4096x256", "768x256"})
    public String shape;

    /** How the weights are stored. */
    @Param
    public DataType format;

    /** Vectors that are multiplied at once. */
    @Param({"1", "8"})
    public int batch;

    /** How many threads read. */
    @Param("2")
    public int threads;

    private DenseStorage weights;
    private long[] sameSize;
    private float[] x;
    private float[] y;
    private Parallel parallel;
    private Matvec matvec;

    /** Fills the weights with numbers that are normal in every format. */
    @Setup
    public void prepare() {
        String[] sizes = shape.split("x", -1);
        int out = Integer.parseInt(sizes[0]);
        int in = Integer.parseInt(sizes[1]);
        Random random = new Random(1);
        Tensor values = Tensor.zeros(out, in);
        for (int i = 0; i < values.size(); i++) {
            values.array()[i] = random.nextFloat(0.5f, 1);
        }
        weights = DenseStorage.of(format, new TensorStorage(values));
        sameSize = new long[(int) (weights.bytes() / Long.BYTES)];
        x = new float[batch * in];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextFloat(-1, 1);
        }
        y = new float[batch * out];
        parallel = new Parallel(threads);
        matvec = new Matvec(parallel);
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        parallel.close();
    }

    /** Multiplies; gives Y `[batch, out]`. */
    @Benchmark
    public float[] multiply(Work work) {
        matvec.multiply(weights, batch, x, y);
        work.countProduct((long) weights.rows() * weights.columns(), weights.bytes(), batch);
        return y;
    }

    /** Adds up as much memory, on as many threads. */
    @Benchmark
    public long[] read(Work work) {
        int tasks = threads * TASKS_PER_THREAD;
        long[] sums = new long[tasks];
        parallel.run(tasks, task -> sums[task] = Roofline.sum(sameSize, task, tasks));
        work.gigabytes += 1e-9 * weights.bytes();
        return sums;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(MatvecBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
