package parsimony.benchmarks.jmh;

import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
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
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Matrix;
import parsimony.core.train.Recipe;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingData;
import parsimony.core.train.TrainingOptions;

/**
 * How much of the matrix product's speed is left when a whole training step runs: the embedded model's, counted as 6 · parameters · tokens
 * operations, against a product of 1024³. The counter {@code gigaflop} is GFLOP/s. Attention's products, norms, exponentials and the optimizer all take time and count
 * for nothing in it.
 */
@Lesson("A training step, against a matrix product")
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 5)
@Measurement(iterations = 5, time = 5)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "-XX:+UseParallelGC", "-Xmx4g", "-Xmn2g"})
public class TrainingBenchmark {
    private static final int SIZE = 1024;

    /** How many threads run. */
    @Param("2")
    public int threads;

    /** Tokens of a sequence. */
    @Param("512")
    public int context;

    private VectorBackend backend;
    // Visible to the benchmark beside PyTorch, which trains the same model on the same tokens.
    Transformer model;
    TrainingData data;
    TrainingOptions options;
    Trainer trainer;
    double stepGigaflop;
    private Matrix a;
    private Matrix b;
    private Matrix c;

    /** Makes a model of the embedded target's shape, text of random tokens, and two matrices. */
    @Setup
    public void prepare() throws IOException {
        backend = new VectorBackend(threads);
        Recipe recipe = Recipe.of("java-6m");
        TrainingOptions training = recipe.training();
        options = new TrainingOptions(
                List.of(new TrainingOptions.Stage(Integer.MAX_VALUE / 2, context)),
                training.tokensPerPass(),
                training.tokensPerPass(),
                training.learningRate(),
                training.warmupSteps(),
                training.schedule(),
                training.decaySteps(),
                training.finalLearningRate(),
                training.beta1(),
                training.beta2(),
                training.weightDecay(),
                training.clip());
        int vocabulary = recipe.vocabularySize();
        model = Transformer.random(recipe.model(), recipe.seed());
        data = (sequence, length, inputs, targets) -> {
            SplittableRandom random = new SplittableRandom(sequence);
            for (int i = 0; i < length; i++) {
                inputs[i] = random.nextInt(vocabulary);
                targets[i] = random.nextInt(vocabulary);
            }
        };
        trainer = new Trainer(model, data, backend, options);
        stepGigaflop = 6.0 * recipe.model().parameters() * options.tokensPerStep() / 1e9;
        a = random(1);
        b = random(2);
        c = random(3);
    }

    private static Matrix random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] data = new float[SIZE * SIZE];
        for (int i = 0; i < data.length; i++) {
            data[i] = random.nextFloat() - 0.5f;
        }
        return Matrix.of(data, SIZE, SIZE);
    }

    /** Ends the threads. */
    @TearDown
    public void close() {
        backend.close();
    }

    /** One update of all parameters. */
    @Benchmark
    public double step(Work work) {
        work.gigaflop += stepGigaflop;
        return trainer.runStep().loss();
    }

    /** One product, as an upper bound. */
    @Benchmark
    public float product(Work work) {
        backend.multiply(a, false, b, true, c, false);
        work.gigaflop += 2.0 * SIZE * SIZE * SIZE / 1e9;
        return c.get(0, 0);
    }
}
