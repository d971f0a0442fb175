package parsimony.benchmarks.jmh;

import java.util.Arrays;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.VerboseMode;
import parsimony.core.tensor.Matrix;

/**
 * {@link AttentionBenchmark}'s causal head by {@code flash} and by PyTorch's {@code scaled_dot_product_attention}, which chooses its own FlashAttention for
 * CPUs, and a matrix product of 1024³, in one process. Both get the same numbers, and nothing is measured unless both give the same numbers.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class PyTorchBenchmark {
    private static final int ROUNDS = 3;
    private static final String PEER = "PyTorch";

    /** Tokens of the text. */
    @Param("4096")
    public int tokens;

    /** Numbers of a head. */
    @Param("64")
    public int headSize;

    /** How many threads run. */
    @Param("2")
    public int threads;

    private AttentionBenchmark ours;
    private Tensor[] inputs;
    private Tensor[] trainable;
    private Tensor output;
    private Tensor dOutput;
    private Tensor a;
    private Tensor b;
    private Tensor c;

    /** Gives PyTorch our inputs, and compares what both make of them. */
    @Setup
    public void prepare() {
        ours = new AttentionBenchmark();
        ours.kernel = "flash";
        ours.tokens = tokens;
        ours.headSize = headSize;
        ours.threads = threads;
        ours.prepare();
        torch.set_num_threads(threads);
        Matrix keys = ours.head.tiles().getFirst().keys();
        Matrix values = ours.head.tiles().getFirst().values();
        inputs = new Tensor[] {head(ours.head.queries()), head(keys), head(values)};
        trainable = new Tensor[] {head(ours.head.queries()), head(keys), head(values)};
        for (Tensor tensor : trainable) {
            tensor.set_requires_grad(true);
        }
        output = attention(trainable);
        dOutput = head(ours.dOutput);
        a = square(ours.a);
        b = square(ours.b).t();
        c = square(ours.c);
        Work work = new Work();
        requireSame("output", ours.forward(work).data(), output, 1e-5f);
        float[] before = ours.dQueries.data().clone();
        float[] gradient = ours.backward(work).data().clone();
        for (int i = 0; i < gradient.length; i++) {
            gradient[i] -= before[i];
        }
        backwardPyTorch(work);
        requireSame("gradient of the queries", gradient, trainable[0].grad(), 1e-4f);
        requireSame("product", ours.product(work).data(), productPyTorch(work), 1e-3f);
    }

    /** [1, 1, tokens, headSize] */
    private static Tensor head(Matrix matrix) {
        return Tensor.create(matrix.data(), 1, 1, matrix.rows(), matrix.columns());
    }

    private static Tensor square(Matrix matrix) {
        return Tensor.create(matrix.data(), matrix.rows(), matrix.columns());
    }

    private static Tensor attention(Tensor[] of) {
        return torch.scaled_dot_product_attention(
                of[0], of[1], of[2], new TensorOptional(), 0, true, new DoubleOptional(), false);
    }

    private static void requireSame(String what, float[] our, Tensor peers, float tolerance) {
        float[] their = new float[our.length];
        peers.data_ptr_float().get(their);
        for (int i = 0; i < our.length; i++) {
            if (!(Math.abs(our[i] - their[i]) <= tolerance)) {
                throw new IllegalStateException(
                        "%s, number %d: %s here, %s in PyTorch".formatted(what, i, our[i], their[i]));
            }
        }
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        ours.close();
    }

    /** Ours, the whole text at once. */
    @Benchmark
    public Matrix forward(Work work) {
        return ours.forward(work);
    }

    /** PyTorch's. */
    @Benchmark
    public void forwardPyTorch(Work work) {
        try (PointerScope scope = new PointerScope()) {
            scope.attach(attention(inputs));
        }
        work.gigaflop += 2e-9 * tokens * tokens * headSize;
    }

    /** Ours, the gradients of the whole text. */
    @Benchmark
    public Matrix backward(Work work) {
        return ours.backward(work);
    }

    /** PyTorch's, which adds to the gradients too. */
    @Benchmark
    public void backwardPyTorch(Work work) {
        output.backward(dOutput, new BoolOptional(true), false, new TensorArrayRefOptional());
        work.gigaflop += 5e-9 * tokens * tokens * headSize;
    }

    /** Ours, a matrix product that is large enough to run at full speed. */
    @Benchmark
    public Matrix product(Work work) {
        return ours.product(work);
    }

    /** PyTorch's, into memory that is there. */
    @Benchmark
    public Tensor productPyTorch(Work work) {
        torch.mm_out(c, a, b);
        work.gigaflop += 2e-9 * a.size(0) * a.size(1) * b.size(1);
        return c;
    }

    /** Measures in rounds, each method after the other's, in this process, and prints the medians. */
    public static void main(String[] arguments) throws Exception {
        // PyTorch's libraries find each other only once all of them are unpacked.
        Loader.cacheResources(torch.class, "/org/bytedeco/pytorch/" + Loader.getPlatform() + "/");
        Map<String, double[]> rates = new TreeMap<>();
        for (int round = 0; round < ROUNDS; round++) {
            System.err.printf("round %d of %d%n", round + 1, ROUNDS);
            for (RunResult result : round()) {
                String name = result.getPrimaryResult().getLabel();
                rates.computeIfAbsent(name, key -> new double[ROUNDS])[round] =
                        result.getSecondaryResults().get("gigaflop").getScore();
            }
        }
        System.out.printf("%-12s %12s %12s %8s%n", "GFLOP/s", "Parsimony", PEER, "ratio");
        rates.forEach((name, ours) -> {
            double[] peers = rates.get(name + PEER);
            if (peers != null) {
                System.out.printf(
                        Locale.ROOT,
                        "%-12s %12.0f %12.0f %7.2f×%n",
                        name,
                        median(ours),
                        median(peers),
                        median(ours) / median(peers));
            }
        });
    }

    private static Collection<RunResult> round() throws RunnerException {
        Options options = new OptionsBuilder()
                .include(PyTorchBenchmark.class.getName())
                .include(PyTorchTrainingBenchmark.class.getName())
                .forks(0)
                .verbosity(VerboseMode.SILENT)
                .shouldFailOnError(true)
                .build();
        return new Runner(options).run();
    }

    private static double median(double[] values) {
        return Arrays.stream(values).sorted().toArray()[values.length / 2];
    }
}
