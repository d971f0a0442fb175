package parsimony.core.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.TrainingOptions.Schedule;
import parsimony.core.train.TrainingOptions.Stage;

/** Steps of training on a device, with heads that share keys, texts of two lengths and two passes a step. */
class DeviceTrainingTest {
    private static final int VOCABULARY = 40;
    private static final int STEPS = 8;

    private static TransformerConfig config(boolean tied) {
        return new TransformerConfig(
                VOCABULARY,
                32,
                48,
                2,
                4,
                2,
                8,
                32,
                1e-5f,
                new TransformerConfig.RopeConfig(10000, false, null),
                tied,
                false,
                0,
                1);
    }

    private static TrainingOptions options() {
        return new TrainingOptions(
                List.of(new Stage(STEPS / 2, 16), new Stage(STEPS / 2, 32)),
                256,
                128,
                1e-2,
                2,
                Schedule.COSINE,
                0,
                0.1,
                0.9,
                0.95,
                0.1,
                1);
    }

    private static void random(long sequence, int context, int[] inputs, int[] targets) {
        SplittableRandom random = new SplittableRandom(sequence);
        for (int i = 0; i < context; i++) {
            inputs[i] = random.nextInt(VOCABULARY);
            targets[i] = i % 5 == 0 ? -1 : (inputs[i] * 7 + 3) % VOCABULARY;
        }
    }

    private static Trainer trainer(Transformer model, Backend backend) {
        return new Trainer(model, DeviceTrainingTest::random, backend, options());
    }

    @Test
    void it_goes_as_on_the_host() {
        for (boolean tied : new boolean[] {true, false}) {
            Transformer there = Transformer.random(config(tied), 3);
            Transformer here = Transformer.random(config(tied), 3);
            List<Trainer.Report> expected = new ArrayList<>();
            trainer(here, new ScalarBackend()).runSteps(STEPS, expected::add);
            List<Trainer.Report> actual = new ArrayList<>();
            try (OpenClBackend backend = OpenClDevice.open()) {
                trainer(there, backend).runSteps(STEPS, actual::add);
            }
            assertThat(actual).hasSize(STEPS);
            for (int i = 0; i < STEPS; i++) {
                assertThat(actual.get(i).loss()).isCloseTo(expected.get(i).loss(), within(1e-3));
                assertThat(actual.get(i).gradientNorm())
                        .isCloseTo(expected.get(i).gradientNorm(), within(1e-2));
            }
            float[] weights = numbers(here, "model.layers.1.mlp.up_proj.weight");
            float[] others = numbers(there, "model.layers.1.mlp.up_proj.weight");
            for (int i = 0; i < weights.length; i++) {
                assertThat(others[i]).isCloseTo(weights[i], within(2e-3f));
            }
        }
    }

    @Test
    void only_losses_and_norms_come_back_and_memory_stays_the_same() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            Trainer trainer = trainer(Transformer.random(config(true), 3), backend);
            List<Long> down = new ArrayList<>();
            List<Long> up = new ArrayList<>();
            List<Long> used = new ArrayList<>();
            trainer.runSteps(STEPS, report -> {
                down.add(backend.queue().bytesDown());
                up.add(backend.queue().bytesUp());
                used.add(backend.memory().used());
            });
            int parameters = 21;
            long losses = (long) options().tokensPerStep() * Float.BYTES;
            long tokens = losses;
            long angles = tokens * config(true).headSize();
            assertThat(down.get(2) - down.get(1)).isLessThanOrEqualTo(losses + parameters * 2L * Float.BYTES);
            assertThat(up.get(2) - up.get(1))
                    .as("tokens, targets, where tokens stand, and angles")
                    .isLessThanOrEqualTo(4 * tokens + 2 * (VOCABULARY + 1) * (long) Integer.BYTES + angles);
            assertThat(used.get(2)).isLessThanOrEqualTo(used.get(1) + angles);
            assertThat(used.get(STEPS - 1)).as("longer texts").isLessThanOrEqualTo(used.get(STEPS - 2) + angles);
        }
    }

    @Test
    void a_resumed_training_ends_with_the_same_bits(@TempDir Path folder) throws IOException {
        try (OpenClBackend backend = OpenClDevice.open()) {
            Transformer undisturbed = Transformer.random(config(true), 3);
            Transformer stopped = Transformer.random(config(true), 3);
            Transformer resumed = Transformer.random(config(true), 4);
            trainer(undisturbed, backend).runSteps(STEPS, report -> {});
            Trainer first = trainer(stopped, backend);
            first.runSteps(3, report -> {});
            first.save(folder.resolve("checkpoint"));
            Trainer second = trainer(resumed, backend);
            second.load(folder.resolve("checkpoint"));
            second.runSteps(STEPS, report -> {});
            assertThat(second.step()).isEqualTo(STEPS);
            for (String name : undisturbed.trainableParameters().keySet()) {
                assertThat(Arrays.equals(numbers(resumed, name), numbers(undisturbed, name)))
                        .as(name)
                        .isTrue();
            }
        }
    }

    private static float[] numbers(Transformer model, String parameter) {
        return model.trainableParameters().get(parameter).array();
    }
}
