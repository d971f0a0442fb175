package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.Tuning;

class MezoTest extends FineTunerContract<Mezo.Options> {
    @Override
    protected FineTuner<Mezo.Options> technique() {
        return new Mezo();
    }

    @Override
    protected Mezo.Options options() {
        return new Mezo.Options(1e-2);
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("epsilon=0");
    }

    @Override
    protected int learningSteps() {
        return 150;
    }

    @Test
    void stepsDownTheSlopeAlongARandomDirectionWithoutGradients() {
        Tuning tuning = prepare(10);
        Map<String, float[]> before = new HashMap<>();
        tuning.parameters()
                .forEach((name, tensor) -> before.put(name, tensor.array().clone()));
        Trainer trainer = tuning.trainer(FineTunerContract::count);
        Trainer.Report report = trainer.runStep();
        // The first step moves all weights by learningRate · slope · z, z normal.
        double squares = 0;
        int count = 0;
        for (Map.Entry<String, float[]> parameter : before.entrySet()) {
            float[] after = tuning.parameters().get(parameter.getKey()).array();
            for (int i = 0; i < after.length; i++) {
                squares += Math.pow(after[i] - parameter.getValue()[i], 2);
                count++;
            }
        }
        double expected = report.learningRate() * report.gradientNorm();
        assertThat(Math.sqrt(squares / count)).isCloseTo(expected, within(0.05 * expected));
        assertThat(trainer.lastUpdate().gradientBytes()).isZero();
        assertThat(trainer.lastUpdate().activationBytes()).isZero();
    }
}
