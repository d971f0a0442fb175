package parsimony.lora;

import java.util.List;
import java.util.SplittableRandom;
import parsimony.core.model.Linear;
import parsimony.core.technique.Paper;

/**
 * LoRA-FA: LoRA whose A stays as it began, at random; only B is trained. The gradient of B needs A x, which has as many numbers a token as the rank, where that of A would need x: the inputs
 * of all adapted matrices need not be kept for the backward pass (Section 3.2). Half of the parameters and of the optimizer's state go too.
 *
 * <p>The paper draws A from a normal distribution; here it begins as LoRA's does. Files are LoRA's.
 */
@Paper(survey = 75)
public final class LoraFa extends LowRankTuner<LoraFa.Options> {
    /** As LoRA's: {@link Lora.Options}; dropout is left out, since the thinned inputs would have to be kept. */
    public record Options(int rank, double alpha, Targets targets) {
        public Options {
            new Common(rank, alpha, 0, targets);
        }
    }

    @Override
    public String name() {
        return "lora-fa";
    }

    @Override
    public String idea() {
        return "LoRA of which the first thin matrix stays as it began, at random, and only the second is "
                + "trained. The gradient of that one needs a few numbers a token instead of the whole input, so "
                + "that fewer activations are kept.";
    }

    @Override
    public Options defaults() {
        return new Options(8, 16, Targets.parse("all"));
    }

    @Override
    public List<String> showcase() {
        return List.of("lora-fa:rank=8");
    }

    @Override
    public double learningRate() {
        return 3e-2;
    }

    @Override
    Common common(Options options) {
        return new Common(options.rank, options.alpha, 0, options.targets);
    }

    @Override
    LowRankAdapter begin(Linear linear, Options options, SplittableRandom random) {
        LowRankAdapter adapter = super.begin(linear, options, random);
        adapter.tensors().get("lora_A.weight").setTrainable(false);
        return adapter;
    }
}
