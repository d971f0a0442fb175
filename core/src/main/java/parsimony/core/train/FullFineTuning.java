package parsimony.core.train;

import java.util.Map;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/** Full fine-tuning: every weight follows the text, with AdamW. What cheaper methods are measured against. */
public final class FullFineTuning implements FineTuner<FullFineTuning.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "full-finetuning";
    }

    @Override
    public String idea() {
        return "Every weight of the model follows the gradient of the new text, with AdamW. It saves "
                + "nothing: each weight needs a gradient and two numbers of the optimizer beside it, which "
                + "cheaper methods avoid.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public double learningRate() {
        return 1e-3;
    }

    @Override
    public Tuning prepare(Transformer base, Options options, Setup setup) {
        Transformer model = base.merged().trainable();
        Map<String, Tensor> parameters = model.trainableParameters();
        return new Tuning(model, parameters, new AdamW(parameters, setup.backend(), setup.training()), setup, null);
    }
}
