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
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;

/**
 * Multiplication by weights of few bits, beside the speed at which the same memory can be read at all. The counter {@code gigaweights} is 10⁹
 * weights/s, whatever the batch: what a token costs. The counter {@code gigabytes} is GB/s of packed weights; what {@link #read} reaches is the wall.
 */
@Lesson("Weights of few bits, against the speed of memory")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class PackedMatvecBenchmark {
    private static final int TASKS_PER_THREAD = 8;

    /** Outputs and inputs of the layer. */
    @Param("8192x2048")
    public String shape;

    /** Bits of a weight. */
    @Param({"2", "3", "4", "8"})
    public int bits;

    /** Weights that share a scale; −1 for whole rows. */
    @Param({"32", "128"})
    public int group;

    /** Whether there are no zero points. */
    @Param("true")
    public boolean symmetric;

    /** Vectors that are multiplied at once. */
    @Param({"1", "4", "128"})
    public int batch;

    /** How many threads multiply. */
    @Param("2")
    public int threads;

    private VectorBackend backend;
    private GridStorage weights;
    private PreparedMatrix packedMatrix;
    private long[] sameSize;
    private Tensor x;
    private Tensor y;

    /** Fills weights and inputs with random numbers. */
    @Setup
    public void prepare() {
        String[] sizes = shape.split("x", -1);
        int out = Integer.parseInt(sizes[0]);
        int in = Integer.parseInt(sizes[1]);
        Random random = new Random(1);
        GridStorage.Builder builder = new GridStorage.Builder(out, in, bits, group, symmetric, DataType.F16);
        for (int row = 0; row < out; row++) {
            for (int i = 0; i < builder.groups(); i++) {
                int zeroPoint = symmetric ? 1 << (bits - 1) : random.nextInt(1 << bits);
                builder.setGrid(row, i, new Grid(bits, 0.125f, zeroPoint));
            }
            for (int i = 0; i < in; i++) {
                builder.setCode(row, i, random.nextInt(1 << bits));
            }
        }
        weights = builder.build();
        backend = new VectorBackend(threads);
        packedMatrix = backend.prepare(weights);
        sameSize = new long[(int) (packedMatrix.extraBytes() / Long.BYTES)];
        x = Tensor.zeros(batch, in);
        for (int i = 0; i < x.size(); i++) {
            // Numbers that 8 bits hold, for kernels may round to that: the result can be checked exactly.
            x.array()[i] = (i % in % 4 == 0 ? 127 : random.nextInt(-127, 128)) / 128f;
        }
        y = Tensor.zeros(batch, out);
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        backend.close();
    }

    /** Multiplies by the packed weights. */
    @Benchmark
    public Tensor packed(Work work) {
        packedMatrix.multiply(x, y);
        work.countProduct((long) weights.rows() * weights.columns(), packedMatrix.extraBytes(), batch);
        return y;
    }

    /** Adds up as much memory, on as many threads. */
    @Benchmark
    public long[] read(Work work) {
        int tasks = threads * TASKS_PER_THREAD;
        long[] sums = new long[tasks];
        backend.parallel(tasks, task -> sums[task] = Roofline.sum(sameSize, task, tasks));
        work.gigabytes += 1e-9 * packedMatrix.extraBytes();
        return sums;
    }

    GridStorage weights() {
        return weights;
    }

    Tensor inputs() {
        return x;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(PackedMatvecBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
