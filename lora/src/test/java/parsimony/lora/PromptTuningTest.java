package parsimony.lora;

import java.util.List;
import parsimony.core.train.FineTuner;

class PromptTuningTest extends FineTunerContract<PromptTuning.Options> {
    @Override
    protected FineTuner<PromptTuning.Options> technique() {
        return new PromptTuning();
    }

    @Override
    protected PromptTuning.Options options() {
        return new PromptTuning.Options(3);
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("tokens=0");
    }
}
