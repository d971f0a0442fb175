package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Tape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.TrainingOptions.Schedule;
import parsimony.core.train.TrainingOptions.Stage;
import parsimony.core.train.Tuning;

class LomoTest extends FineTunerContract<Lomo.Options> {
    @Override
    protected FineTuner<Lomo.Options> technique() {
        return new Lomo();
    }

    @Override
    protected Lomo.Options options() {
        return new Lomo.Options(1.0);
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("clip=0");
    }

    @Test
    void isGradientDescentThatHoldsFewGradients() {
        Tuning tuning = technique().prepare(base(), new Lomo.Options(null), new FineTuner.Setup(BACKEND, onePass(), 5));
        Transformer model = base().trainable();
        Map<String, Tensor> parameters = model.trainableParameters();
        int[] inputs = new int[8];
        int[] targets = new int[8];
        count(0, 8, inputs, targets);
        Tape tape = new Tape();
        tape.record(() -> ops.crossEntropy(model.forward(ForwardContext.batch(ops, inputs, 8)), targets, 1));
        tape.backward();

        Trainer trainer = tuning.trainer(FineTunerContract::count);
        trainer.runStep();

        long all = 0;
        for (Map.Entry<String, Tensor> parameter : parameters.entrySet()) {
            BACKEND.addScaled(-1e-2f, parameter.getValue().gradient(), parameter.getValue());
            assertThat(tuning.parameters().get(parameter.getKey()).array())
                    .as(parameter.getKey())
                    .containsExactly(parameter.getValue().array(), Offset.offset(1e-7f));
            all += 4L * parameter.getValue().size();
        }
        assertThat(trainer.lastUpdate().gradientBytes()).isLessThan(all / 2);
        tuning.parameters()
                .values()
                .forEach(parameter -> assertThat(parameter.gradient()).isNull());
    }

    @Test
    void clipsByTheNormOfAllGradients() {
        Tuning free = technique().prepare(base(), new Lomo.Options(null), new FineTuner.Setup(BACKEND, onePass(), 5));
        Tuning clipped =
                technique().prepare(base(), new Lomo.Options(1e-3), new FineTuner.Setup(BACKEND, onePass(), 5));
        Map<String, Tensor> before = base().trainable().trainableParameters();
        Trainer trainer = free.trainer(FineTunerContract::count);
        trainer.runStep();
        clipped.trainer(FineTunerContract::count).runStep();
        double factor = 1e-3 / trainer.lastUpdate().gradientNorm();
        before.forEach((name, start) -> {
            for (int i = 0; i < start.size(); i++) {
                double moved = free.parameters().get(name).array()[i] - start.array()[i];
                assertThat((double) clipped.parameters().get(name).array()[i] - start.array()[i])
                        .isCloseTo(factor * moved, within(1e-7));
            }
        });
    }

    private static TrainingOptions onePass() {
        return new TrainingOptions(List.of(new Stage(1, 8)), 8, 8, 1e-2, 0, Schedule.TRAPEZOID, 0, 1, 0, 0, 0, 0);
    }
}
