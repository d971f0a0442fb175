package parsimony.benchmarks.jmh;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
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
import parsimony.core.train.Trainer;

/**
 * {@link TrainingBenchmark}'s training step here and in PyTorch, on the same weights and tokens. Nothing is measured unless the first step has the same loss and the
 * same norm of the gradient in both.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 1, time = 3)
@Measurement(iterations = 2, time = 5)
public class PyTorchTrainingBenchmark {
    private static final double TOLERANCE = 1e-3;

    /** Tokens of a sequence. */
    @Param("512")
    public int context;

    /** How many threads run. */
    @Param("2")
    public int threads;

    private TrainingBenchmark ours;
    private PyTorchLlama theirs;
    private long sequence;

    /** Gives PyTorch our weights, and compares the first step. */
    @Setup
    public void prepare() throws IOException {
        torch.set_num_threads(threads);
        ours = new TrainingBenchmark();
        ours.context = context;
        ours.threads = threads;
        ours.prepare();
        theirs = new PyTorchLlama(ours.model.config(), ours.model.trainableParameters(), ours.options, context);
        PyTorchLlama.Step their = nextStep();
        Trainer.Report our = ours.trainer.runStep();
        requireSame("loss", our.loss(), their.loss());
        requireSame("norm of the gradient", our.gradientNorm(), their.gradientNorm());
    }

    private PyTorchLlama.Step nextStep() {
        PyTorchLlama.Step step = theirs.step(ours.data, sequence, context);
        sequence += ours.options.tokensPerStep() / context;
        return step;
    }

    private static void requireSame(String what, double our, double their) {
        if (!(Math.abs(our - their) <= TOLERANCE * Math.abs(our))) {
            throw new IllegalStateException("%s: %s here, %s in PyTorch".formatted(what, our, their));
        }
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        ours.close();
    }

    /** Ours. */
    @Benchmark
    public double step(Work work) {
        return ours.step(work);
    }

    /** PyTorch's. */
    @Benchmark
    public double stepPyTorch(Work work) {
        work.gigaflop += ours.stepGigaflop;
        return nextStep().loss();
    }
}
