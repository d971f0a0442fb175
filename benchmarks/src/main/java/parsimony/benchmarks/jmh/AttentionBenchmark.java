package parsimony.benchmarks.jmh;

import java.util.List;
import java.util.SplittableRandom;
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
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Visibility;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Matrix;

/**
 * One head of causal attention by one kernel after the other. The counter {@code gigaflop} is GFLOP/s, where the operations are those that exact attention
 * needs for what a causal text sees, 2 · N² · d forward and 5 · N² · d backward, whatever the kernel really computes: a sparse kernel that skips work has
 * more. What a product of 1024³ reaches stands beside. {@code -prof gc} shows what a call allocates.
 */
@Lesson("Attention forward, backward and one token at a time")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-Xmx6g"})
public class AttentionBenchmark {
    private static final int SIZE = 1024;

    /** The technique that brings the kernel. */
    @Param({
        "naive",
        "flash",
        "sliding-window:window=256",
        "longformer:window=256",
        "bigbird",
        "linear",
        "performer:features=64"
    })
    public String kernel;

    /** Tokens of the text. */
    @Param({"1024", "4096"})
    public int tokens;

    /** Numbers of a head. */
    @Param("64")
    public int headSize;

    /** How many threads run. */
    @Param("2")
    public int threads;

    private VectorBackend backend;
    private AttentionKernel attention;
    // Visible to the benchmark beside PyTorch, which gets the same numbers.
    AttentionKernel.Head head;
    private AttentionKernel.Head lastQuery;
    private Matrix output;
    private Matrix lastOutput;
    private float[] logSumExp;
    Matrix dOutput;
    Matrix dQueries;
    private List<KeyValueTile> dTiles;
    Matrix a;
    Matrix b;
    Matrix c;

    /** Makes queries, keys and values of random numbers, and runs forward once, of which backward needs the result. */
    @Setup
    public void prepare() {
        backend = new VectorBackend(threads);
        attention = kernel();
        int[] positions = IntStream.range(0, tokens).toArray();
        Matrix queries = random(tokens, headSize, 1);
        List<KeyValueTile> tiles = List.of(tile(positions, 2));
        Visibility causal = new Visibility.Causal(positions, 0);
        AttentionKernel.Scoring scoring = new AttentionKernel.Scoring((float) (1 / Math.sqrt(headSize)), 0, 0);
        head = new AttentionKernel.Head(queries, positions, 0, tiles, causal, scoring);
        lastQuery = new AttentionKernel.Head(
                queries.rows(tokens - 1, 1),
                positions,
                tokens - 1,
                tiles,
                new Visibility.Causal(positions, tokens - 1),
                scoring);
        output = random(tokens, headSize, 4);
        lastOutput = random(1, headSize, 4);
        logSumExp = new float[tokens];
        dOutput = random(tokens, headSize, 5);
        dQueries = random(tokens, headSize, 6);
        dTiles = List.of(tile(positions, 7));
        a = random(SIZE, SIZE, 8);
        b = random(SIZE, SIZE, 9);
        c = random(SIZE, SIZE, 10);
        attention.forward(backend, head, output, logSumExp, 0);
    }

    /** What the technique puts into a model of one head. */
    private AttentionKernel kernel() {
        TransformerConfig shape = new TransformerConfig(
                16,
                16,
                16,
                1,
                1,
                1,
                headSize,
                tokens,
                1e-5f,
                new TransformerConfig.RopeConfig(10000, false, null),
                true,
                false,
                -1,
                -1);
        Transformer model =
                TechniqueSpec.parse(kernel).apply(Transformer.random(shape, 1), TechniqueContext.of(backend));
        return ((LlamaBlock) model.blocks().getFirst()).attention().kernel();
    }

    private KeyValueTile tile(int[] positions, long seed) {
        return new KeyValueTile(random(tokens, headSize, seed), random(tokens, headSize, seed + 1), positions, 0);
    }

    private static Matrix random(int rows, int columns, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] data = new float[rows * columns];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) random.nextGaussian();
        }
        return Matrix.of(data, rows, columns);
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        backend.close();
    }

    /** The whole text at once. */
    @Benchmark
    public Matrix forward(Work work) {
        attention.forward(backend, head, output, logSumExp, 0);
        work.gigaflop += 2e-9 * tokens * tokens * headSize;
        return output;
    }

    /** The gradients of the whole text. */
    @Benchmark
    public Matrix backward(Work work) {
        attention.backward(backend, head, output, logSumExp, 0, dOutput, dQueries, dTiles);
        work.gigaflop += 5e-9 * tokens * tokens * headSize;
        return dQueries;
    }

    /** The last token alone, as when one is generated; kernels with a state of their own would have one instead. */
    @Benchmark
    public Matrix decode(Work work) {
        attention.forward(backend, lastQuery, lastOutput, logSumExp, 0);
        work.gigaflop += 4e-9 * tokens * headSize;
        return lastOutput;
    }

    /** A matrix product that is large enough to run at full speed. */
    @Benchmark
    public Matrix product(Work work) {
        backend.multiply(a, false, b, true, c, false);
        work.gigaflop += 2e-9 * SIZE * SIZE * SIZE;
        return c;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(AttentionBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
