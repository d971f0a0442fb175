package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.autograd.FiniteDifferences;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.TrainingOptions.Schedule;
import parsimony.core.train.TrainingOptions.Stage;
import parsimony.core.train.Tuning;

/** What every fine-tuning method must do beside what every technique must. */
abstract class FineTunerContract<O extends Record> extends TechniqueContract<O> {
    static final TransformerConfig CONFIG = new TransformerConfig(
            24, 16, 20, 2, 4, 2, 4, 32, 1e-5f, new TransformerConfig.RopeConfig(10000, false, null), true, false, 1, 2);
    private static final int[] TOKENS = {1, 5, 9, 5, 3, 1, 7, 7, 0, 12};
    private static final int[] TARGETS = {5, 9, 5, 3, 8, 7, -1, 0, 12, 6};

    /** The loss is a float of about 4, and the difference of two is divided by 0.006. */
    private static final double ROUNDING_OF_DIFFERENCES = 1e-4;

    static final Backend BACKEND = new ScalarBackend();
    final Ops ops = new Ops(BACKEND);

    @Override
    protected abstract FineTuner<O> technique();

    /** Options that keep the tests small. */
    protected O options() {
        return technique().defaults();
    }

    @Override
    protected boolean keepsZeros() {
        return false;
    }

    static TrainingOptions training(int steps) {
        return new TrainingOptions(
                List.of(new Stage(steps, 8)), 32, 16, 1e-2, 2, Schedule.COSINE, 0, 0.1, 0.9, 0.95, 0, 1);
    }

    /** Weights so large that attention has preferences, which small random ones have not. */
    static Transformer base() {
        Transformer model = Transformer.random(CONFIG, 3);
        model.trainableParameters().forEach((name, tensor) -> {
            for (int i = 0; i < tensor.size() && tensor.rank() == 2; i++) {
                tensor.array()[i] *= 15;
            }
        });
        return model.frozen();
    }

    Tuning prepare(int steps) {
        return technique().prepare(base(), options(), new FineTuner.Setup(BACKEND, training(steps), 5));
    }

    /** Counts up from one of four starts. */
    static void count(long sequence, int context, int[] inputs, int[] targets) {
        int start = (int) (sequence % 4 * 5);
        for (int i = 0; i < context; i++) {
            inputs[i] = i == 0 ? 1 : 3 + (start + i - 1) % 20;
            targets[i] = 3 + (start + i) % 20;
        }
    }

    /** Moves every parameter a little, so that none is where its gradient vanishes. */
    static void shake(Map<String, Tensor> parameters) {
        SplittableRandom random = new SplittableRandom(11);
        parameters.values().forEach(tensor -> {
            for (int i = 0; i < tensor.size(); i++) {
                tensor.array()[i] += (float) random.nextGaussian(0, 0.3);
            }
        });
    }

    float[] logits(Transformer model) {
        return model.forward(ForwardContext.batch(ops, TOKENS, 5)).array();
    }

    @Test
    void gradientsAgreeWithDifferences() {
        Tuning tuning = prepare(4);
        shake(tuning.parameters());
        Tape tape = new Tape();
        tape.record(() -> loss(tuning.model()));
        tape.backward();
        tuning.parameters().forEach((name, tensor) -> {
            double[] expected = FiniteDifferences.gradient(tensor.array(), 3e-3, () -> loss(tuning.model()));
            double largest = Arrays.stream(expected).map(Math::abs).max().getAsDouble();
            assertThat(largest).as("the gradient of " + name + " says nothing").isGreaterThan(1e-4);
            for (int i = 0; i < expected.length; i++) {
                assertThat((double) tensor.gradient().array()[i])
                        .as(name)
                        .isCloseTo(expected[i], within(0.02 * largest + ROUNDING_OF_DIFFERENCES));
            }
        });
    }

    private double loss(Transformer model) {
        return ops.crossEntropy(model.forward(ForwardContext.batch(ops, TOKENS, 5)), TARGETS, 1);
    }

    @Test
    void trainingLeavesTheBaseAloneAndLearns() {
        Transformer base = base();
        float[] before = logits(base);
        Tuning tuning =
                technique().prepare(base, options(), new FineTuner.Setup(BACKEND, training(learningSteps()), 5));
        Trainer trainer = tuning.trainer(FineTunerContract::count);
        List<Double> losses = new ArrayList<>();
        while (!trainer.isDone()) {
            losses.add(trainer.runStep().loss());
        }
        assertThat(logits(base)).containsExactly(before);
        assertThat(losses.getLast()).isLessThan(losses.getFirst());
    }

    protected int learningSteps() {
        return 30;
    }

    @Test
    void resumedTrainingEndsWithTheSameBits(@TempDir Path folder) throws IOException {
        Tuning whole = prepare(6);
        Trainer undisturbed = whole.trainer(FineTunerContract::count);
        Trainer first = prepare(6).trainer(FineTunerContract::count);
        for (int step = 0; step < 6; step++) {
            undisturbed.runStep();
            if (step < 3) {
                first.runStep();
            }
        }
        first.save(folder.resolve("checkpoint"));
        Tuning again = prepare(6);
        Trainer second = again.trainer(FineTunerContract::count);
        second.load(folder.resolve("checkpoint"));
        while (!second.isDone()) {
            second.runStep();
        }
        again.parameters()
                .forEach((name, tensor) -> assertThat(tensor.array())
                        .as(name)
                        .containsExactly(whole.parameters().get(name).array()));
    }

    @Test
    void finishedModelComputesWhatTheTunedOneDoes() {
        Tuning tuning = prepare(4);
        shake(tuning.parameters());
        Transformer finished = tuning.finished();
        assertThat(finished.trainableParameters()).isEmpty();
        assertThat(logits(finished)).containsExactly(logits(tuning.model()), Offset.offset(1e-5f));
    }

    @Test
    void adapterIsReadAsItWasWritten(@TempDir Path folder) throws IOException {
        Tuning tuning = prepare(4);
        assertThat(tuning.adapter().isPresent()).isEqualTo(technique().adapterType() != null);
        if (tuning.adapter().isEmpty()) {
            return;
        }
        shake(tuning.parameters());
        AdapterFile file = tuning.adapter().get();
        file.write(folder);
        assertThat(folder.resolve("adapter_config.json"))
                .content()
                .contains("\"" + technique().adapterType() + "\"");
        Transformer attached = FineTuner.attach(base(), folder);
        assertThat(logits(attached)).containsExactly(expectedOfAttached(tuning), Offset.offset(2e-5f));
    }

    /** What the base computes with the adapter attached. */
    protected float[] expectedOfAttached(Tuning tuning) {
        return logits(tuning.model());
    }

    @Test
    void decodesWithACacheAsWithout() {
        Tuning tuning = prepare(4);
        shake(tuning.parameters());
        Transformer model = tuning.finished();
        int[] tokens = {1, 5, 9, 5, 3, 1, 7};
        float[] all =
                model.forward(ForwardContext.batch(ops, tokens, tokens.length)).array();
        Sequence sequence = model.newSequence();
        model.read(ops, sequence, 1, 5, 9, 5);
        int vocabulary = CONFIG.vocabularySize();
        for (int i : IntStream.range(4, tokens.length).toArray()) {
            float[] next = model.read(ops, sequence, tokens[i]).array();
            for (int j = 0; j < vocabulary; j++) {
                assertThat(next[j]).isCloseTo(all[i * vocabulary + j], within(2e-5f));
            }
        }
    }
}
