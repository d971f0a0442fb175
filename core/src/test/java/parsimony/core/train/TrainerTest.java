package parsimony.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.TrainingOptions.Schedule;
import parsimony.core.train.TrainingOptions.Stage;

class TrainerTest {
    private static final TransformerConfig CONFIG = new TransformerConfig(
            32, 16, 24, 2, 2, 2, 8, 32, 1e-5f, new TransformerConfig.RopeConfig(10000, false, null), true, false, 0, 1);

    private static TrainingOptions options(int steps) {
        return new TrainingOptions(
                List.of(new Stage(steps / 2, 16), new Stage(steps - steps / 2, 32)),
                128,
                64,
                1e-2,
                3,
                Schedule.COSINE,
                0,
                0.1,
                0.9,
                0.95,
                0.1,
                1);
    }

    /** Counts up from a random start: easy to learn, different in every sequence. */
    private static void count(long sequence, int context, int[] inputs, int[] targets) {
        int start = new SplittableRandom(sequence).nextInt(30);
        for (int i = 0; i < context; i++) {
            inputs[i] = i == 0 ? 0 : 2 + (start + i - 1) % 30;
            targets[i] = 2 + (start + i) % 30;
        }
    }

    private static Trainer trainer(Backend backend, int steps) {
        return new Trainer(Transformer.random(CONFIG, 7), TrainerTest::count, backend, options(steps));
    }

    @Test
    void learns() {
        Trainer trainer = trainer(new ScalarBackend(), 60);
        double first = trainer.runStep().loss();
        double last = first;
        while (!trainer.isDone()) {
            last = trainer.runStep().loss();
        }
        assertThat(first).isCloseTo(Math.log(32), within(0.2));
        assertThat(last).isLessThan(first / 2);
    }

    @Test
    void accumulationChangesNothingButRounding() {
        Transformer whole = Transformer.random(CONFIG, 7);
        Transformer parts = Transformer.random(CONFIG, 7);
        TrainingOptions options = options(4);
        TrainingOptions onePass =
                new TrainingOptions(options.stages(), 128, 128, 1e-2, 3, Schedule.COSINE, 0, 0.1, 0.9, 0.95, 0.1, 1);
        double a = new Trainer(whole, TrainerTest::count, new ScalarBackend(), onePass)
                .runStep()
                .gradientNorm();
        double b = new Trainer(parts, TrainerTest::count, new ScalarBackend(), options)
                .runStep()
                .gradientNorm();
        assertThat(b).isCloseTo(a, within(1e-5));
    }

    @Test
    void learningRateFollowsTheSchedule() {
        TrainingOptions cosine = options(100);
        assertThat(cosine.learningRate(0)).isCloseTo(1e-2 / 3, within(1e-12));
        assertThat(cosine.learningRate(3)).isCloseTo(1e-2, within(1e-12));
        assertThat(cosine.learningRate(99)).isBetween(1e-3, 1.01e-3);
        TrainingOptions trapezoid = new TrainingOptions(
                List.of(new Stage(100, 16)), 16, 16, 1, 10, Schedule.TRAPEZOID, 20, 0, 0.9, 0.95, 0, 0);
        assertThat(trapezoid.learningRate(79)).isEqualTo(1);
        assertThat(trapezoid.learningRate(90)).isCloseTo(0.5, within(1e-12));
    }

    @Test
    void resultDoesNotDependOnThreads() {
        List<float[]> weights = new ArrayList<>();
        for (int threads : new int[] {1, 2, 3}) {
            try (VectorBackend backend = new VectorBackend(threads)) {
                Transformer model = Transformer.random(CONFIG, 7);
                Trainer trainer = new Trainer(model, TrainerTest::count, backend, options(6));
                while (!trainer.isDone()) {
                    trainer.runStep();
                }
                weights.add(flat(model));
            }
        }
        assertThat(Arrays.equals(weights.get(1), weights.get(0))).isTrue();
        assertThat(Arrays.equals(weights.get(2), weights.get(0))).isTrue();
    }

    @Test
    void killedAtAnyMomentItResumesToTheSameBits(@TempDir Path folder) throws Exception {
        Path undisturbed = folder.resolve("undisturbed");
        train(undisturbed);
        Path killed = folder.resolve("killed");
        SplittableRandom random = new SplittableRandom(1);
        boolean finished = false;
        int kills = 0;
        while (!finished) {
            Process process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "--add-modules=jdk.incubator.vector",
                            "-cp",
                            System.getProperty("java.class.path"),
                            TrainerTest.class.getName(),
                            killed.toString())
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            if (kills < 4) {
                waitForCheckpoint(killed, process, random.nextInt(60));
                process.destroyForcibly().waitFor();
                kills++;
            } else {
                assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
                finished = true;
            }
        }
        assertThat(killed.resolve("checkpoint.safetensors"))
                .hasSameBinaryContentAs(undisturbed.resolve("checkpoint.safetensors"));
        assertThat(killed.resolve("loss.csv")).hasSameTextualContentAs(undisturbed.resolve("loss.csv"));
    }

    /** Waits until the run has made progress, then a little longer. */
    private static void waitForCheckpoint(Path folder, Process process, int milliseconds) throws Exception {
        Path checkpoint = folder.resolve("checkpoint.safetensors");
        long before =
                Files.exists(checkpoint) ? Files.getLastModifiedTime(checkpoint).toMillis() : 0;
        while (process.isAlive()
                && !(Files.exists(checkpoint)
                        && Files.getLastModifiedTime(checkpoint).toMillis() > before)) {
            Thread.sleep(2);
        }
        Thread.sleep(milliseconds);
    }

    @Test
    void checkpointOfAnotherModelIsRefused(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("checkpoint.safetensors");
        trainer(new ScalarBackend(), 10).save(file);
        TransformerConfig wider =
                new TransformerConfig(32, 16, 32, 2, 2, 2, 8, 32, 1e-5f, CONFIG.rope(), true, false, 0, 1);
        Trainer other = new Trainer(Transformer.random(wider, 7), TrainerTest::count, new ScalarBackend(), options(10));
        assertThatThrownBy(() -> other.load(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("gate_proj");
    }

    /** Trains into a folder: the process that the test kills. */
    public static void main(String[] arguments) {
        train(Path.of(arguments[0]));
    }

    private static void train(Path folder) {
        try (VectorBackend backend = new VectorBackend(2)) {
            new TrainingRun(trainer(backend, 40), folder, 3).run(report -> {});
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static float[] flat(Transformer model) {
        List<Tensor> parameters = List.copyOf(model.trainableParameters().values());
        float[] all = new float[parameters.stream().mapToInt(Tensor::size).sum()];
        int at = 0;
        for (Tensor parameter : parameters) {
            System.arraycopy(parameter.array(), 0, all, at, parameter.size());
            at += parameter.size();
        }
        return all;
    }
}
