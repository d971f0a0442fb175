package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.Tuning;

class LoraFaTest extends FineTunerContract<LoraFa.Options> {
    @Override
    protected FineTuner<LoraFa.Options> technique() {
        return new LoraFa();
    }

    @Override
    protected LoraFa.Options options() {
        return new LoraFa.Options(2, 4, Targets.parse("all"));
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=0", "alpha=-1", "targets=");
    }

    @Test
    void trainsOnlyBAndKeepsFewerActivations() {
        Tuning tuning = prepare(2);
        assertThat(tuning.parameters().keySet()).allMatch(name -> name.endsWith("lora_B.weight"));
        assertThat(activations(tuning))
                .isLessThan(activations(new Lora()
                        .prepare(
                                base(),
                                new Lora.Options(2, 4, 0, Targets.parse("all")),
                                new FineTuner.Setup(BACKEND, training(2), 5))));
    }

    private static long activations(Tuning tuning) {
        Trainer trainer = tuning.trainer(FineTunerContract::count);
        trainer.runStep();
        return trainer.lastUpdate().activationBytes();
    }
}
