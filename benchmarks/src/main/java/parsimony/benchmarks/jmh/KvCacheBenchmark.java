package parsimony.benchmarks.jmh;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
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
import parsimony.core.autograd.Ops;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Tensor;

/** One token appended to a cache that holds a context, attended with and committed, in one layer whose matrices are so small that attention is what takes the time. */
@Lesson("Writing a token through each cache")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class KvCacheBenchmark {
    private static final int TOKENS = 64;
    private static final int VOCABULARY = 256;

    /** The cache and its options, as on the command line; shares are of the context below. */
    @Param({
        "full",
        "paged",
        "quantized:bits=8",
        "quantized:bits=4",
        "quantized:bits=2",
        "h2o:heavy=0.1,recent=0.1",
        "scissorhands:budget=0.2",
        "streaming-llm:recent=0.2",
        "window:recent=0.2"
    })
    public String cache;

    /** Tokens that were read before. */
    @Param({"512", "2048", "8192"})
    public int context;

    /** How many threads compute. */
    @Param("2")
    public int threads;

    private VectorBackend backend;
    private Ops ops;
    private Transformer model;
    private Sequence read;
    private Sequence sequence;
    private int[] next;

    /** Reads the context: 8 query and 4 key/value heads of 64 numbers. */
    @Setup
    public void prepare() {
        backend = new VectorBackend(threads);
        ops = new Ops(backend);
        TransformerConfig config = new TransformerConfig(
                VOCABULARY, 64, 2, 1, 8, 4, 64, context, 1e-5f, new RopeConfig(10000, false, null), true, false, 0, 1);
        model = TechniqueSpec.parse(cache).apply(Transformer.random(config, 1), TechniqueContext.of(backend));
        SplittableRandom random = new SplittableRandom(2);
        read = model.newSequence();
        model.read(ops, read, random.ints(context, 0, VOCABULARY).toArray());
        next = random.ints(TOKENS, 0, VOCABULARY).toArray();
    }

    /** Goes back to the end of the context. */
    @Setup(Level.Invocation)
    public void fork() {
        sequence = read.fork();
    }

    /** Frees what was appended. */
    @TearDown(Level.Invocation)
    public void forget() {
        sequence.close();
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        read.close();
        backend.close();
    }

    /** Appends {@value #TOKENS} tokens, one after the other. */
    @Benchmark
    @OperationsPerInvocation(TOKENS)
    public Tensor appendAndAttend(Work work) {
        Tensor hidden = null;
        for (int token : next) {
            hidden = model.hiddenStates(ForwardContext.next(ops, sequence, token));
            sequence.commit(1);
            work.gigabytes += 1e-9 * sequence.bytes();
        }
        return hidden;
    }

    /** Runs this benchmark. */
    public static void main(String[] arguments) throws RunnerException {
        new Runner(new OptionsBuilder()
                        .include(KvCacheBenchmark.class.getSimpleName())
                        .build())
                .run();
    }
}
