package parsimony.benchmarks.jmh;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Multiplication by a pruned matrix against the same weights as 32-bit floats, zeros and all, and against all of them in GGUF's Q8_0. The counter {@code
 * gigaweights} is 10⁹ weights/s, pruned ones counted and whatever the batch, so that the three compare.
 */
@Lesson("Where sparse products pay")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class SparseBenchmark {
    /** Outputs and inputs of the layer. */
    @Param({"8192x4096", "768x256", "256x768"})
    public String shape;

    /** The share of zeros, or a pattern n:m. */
    @Param({"0.5", "0.7", "0.9", "2:4"})
    public String sparsity;

    /** The format of a weight that is kept. */
    @Param("BF16")
    public DataType type;

    /** Whether a bitmask or the inputs' numbers tell where a weight belongs. */
    @Param("BITMASK")
    public SparseStorage.Positions positions;

    /** Vectors that are multiplied at once. */
    @Param({"1", "4", "128"})
    public int batch;

    /** How many threads multiply. */
    @Param("2")
    public int threads;

    private VectorBackend backend;
    private WeightStorage sparse;
    private WeightStorage dense;
    private WeightStorage q8;
    private long kept;
    private PreparedMatrix sparseMatrix;
    private PreparedMatrix denseMatrix;
    private PreparedMatrix q8Matrix;
    private Tensor x;
    private Tensor y;

    /** Fills weights and inputs with random numbers. */
    @Setup
    public void prepare() {
        String[] sizes = shape.split("x", -1);
        int out = Integer.parseInt(sizes[0]);
        int in = Integer.parseInt(sizes[1]);
        Random random = new Random(1);
        Tensor pruned = Tensor.zeros(out, in);
        for (int i = 0; i < pruned.size(); i++) {
            pruned.array()[i] = type.round(random.nextFloat(0.5f, 1) * (random.nextBoolean() ? 1 : -1));
        }
        prune(pruned.array(), random);
        kept = IntStream.range(0, pruned.size())
                .filter(i -> pruned.array()[i] != 0)
                .count();
        WeightStorage weights = new TensorStorage(pruned);
        backend = new VectorBackend(threads);
        sparse = SparseStorage.of(type, pruned, positions);
        dense = DenseStorage.of(DataType.F32, weights);
        q8 = BlockStorage.of(BlockFormat.Q8_0, weights);
        sparseMatrix = backend.prepare(sparse);
        denseMatrix = backend.prepare(dense);
        q8Matrix = backend.prepare(q8);
        x = Tensor.zeros(batch, in);
        for (int i = 0; i < x.size(); i++) {
            x.array()[i] = random.nextFloat(-1, 1);
        }
        y = Tensor.zeros(batch, out);
    }

    private void prune(float[] numbers, Random random) {
        int colon = sparsity.indexOf(':');
        int n = colon < 0 ? 0 : Integer.parseInt(sparsity.substring(0, colon));
        int m = colon < 0 ? 1 : Integer.parseInt(sparsity.substring(colon + 1));
        double share = colon < 0 ? Double.parseDouble(sparsity) : 0;
        for (int first = 0; first < numbers.length; first += m) {
            int kept = 0;
            for (int i = first; i < first + m; i++) {
                // Of those that are left, n − kept are to be chosen.
                boolean keep = colon < 0 ? random.nextDouble() >= share : random.nextInt(first + m - i) < n - kept;
                kept += keep ? 1 : 0;
                numbers[i] = keep ? numbers[i] : 0;
            }
        }
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        backend.close();
    }

    /** Multiplies by the weights that are kept. */
    @Benchmark
    public Tensor sparse(Work work) {
        return multiply(sparseMatrix, sparse, kept, work);
    }

    /** Multiplies by all weights as 32-bit floats. */
    @Benchmark
    public Tensor dense(Work work) {
        return multiply(denseMatrix, dense, all(), work);
    }

    /** Multiplies by all weights in 8 bits with a scale for every 32. */
    @Benchmark
    public Tensor q8(Work work) {
        return multiply(q8Matrix, q8, all(), work);
    }

    private long all() {
        return (long) dense.rows() * dense.columns();
    }

    /** Of a sparse matrix only what is kept is computed with; gigaweights are all that it stands for. */
    private Tensor multiply(PreparedMatrix matrix, WeightStorage stored, long computed, Work work) {
        matrix.multiply(x, y);
        work.gigaweights += 1e-9 * all();
        work.gigabytes += 1e-9 * stored.bytes();
        work.gigaflop += 2e-9 * computed * batch;
        return y;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(SparseBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
