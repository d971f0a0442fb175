package parsimony.lora;

import java.util.List;
import parsimony.core.train.FineTuner;

class Ia3Test extends FineTunerContract<Ia3.Options> {
    @Override
    protected FineTuner<Ia3.Options> technique() {
        return new Ia3();
    }

    @Override
    protected Ia3.Options options() {
        return new Ia3.Options();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=2");
    }

    @Override
    protected int learningSteps() {
        return 60;
    }
}
