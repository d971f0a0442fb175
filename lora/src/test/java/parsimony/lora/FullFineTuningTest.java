package parsimony.lora;

import java.util.List;
import parsimony.core.train.FineTuner;
import parsimony.core.train.FullFineTuning;

class FullFineTuningTest extends FineTunerContract<FullFineTuning.Options> {
    @Override
    protected FineTuner<FullFineTuning.Options> technique() {
        return new FullFineTuning();
    }

    @Override
    protected FullFineTuning.Options options() {
        return new FullFineTuning.Options();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=2");
    }
}
