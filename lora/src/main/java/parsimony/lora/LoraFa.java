package parsimony.lora;

import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Linear;
import parsimony.core.technique.Paper;

/**
 * LoRA-FA: LoRA whose A stays as it began, at random; only B is trained. The gradient of B needs A x, which has as many numbers a token as the rank, where that of A would need x: the inputs
 * of all adapted matrices need not be kept for the backward pass (Section 3.2). Half of the parameters and of the optimizer's state go too.
 *
 * <p>The paper draws A from a normal distribution; here it begins as LoRA's does. Files are LoRA's.
 */
@Paper(survey = 75)
public final class LoraFa extends LinearTuner<LoraFa.Options> {
    /** As LoRA's: {@link Lora.Options}; dropout is left out, since the thinned inputs would have to be kept. */
    public record Options(int rank, double alpha, Targets targets) {
        public Options {
            Lora.check(rank, alpha, 0);
        }
    }

    @Override
    public String name() {
        return "lora-fa";
    }

    @Override
    public Options defaults() {
        return new Options(8, 16, Targets.parse("all"));
    }

    @Override
    public List<String> showcase() {
        return List.of("lora-fa:rank=8", "lora-fa:rank=16");
    }

    @Override
    public double learningRate() {
        return 1e-2;
    }

    @Override
    public String adapterType() {
        return "LORA";
    }

    @Override
    Targets targets(Options options) {
        return options.targets;
    }

    @Override
    TunedAdapter begin(Linear linear, Options options, SplittableRandom random) {
        float scaling = (float) (options.alpha / options.rank);
        LowRankAdapter adapter = LowRankAdapter.begin(linear, options.rank, scaling, 0, random);
        adapter.tensors().get("lora_A.weight").setTrainable(false);
        return adapter;
    }

    @Override
    TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        return Lora.readLowRank(linear, file);
    }

    @Override
    Map<String, Object> configuration(Options options) {
        return Lora.configuration(options.rank, options.alpha, 0);
    }
}
