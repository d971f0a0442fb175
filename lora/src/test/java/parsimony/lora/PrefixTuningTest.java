package parsimony.lora;

import java.util.List;
import parsimony.core.train.FineTuner;

class PrefixTuningTest extends FineTunerContract<PrefixTuning.Options> {
    @Override
    protected FineTuner<PrefixTuning.Options> technique() {
        return new PrefixTuning();
    }

    @Override
    protected PrefixTuning.Options options() {
        return new PrefixTuning.Options(3, 6);
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("tokens=0", "hidden=0");
    }
}
