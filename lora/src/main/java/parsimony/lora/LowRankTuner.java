package parsimony.lora;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Linear;
import parsimony.core.tensor.Tensor;

/**
 * What the methods share that learn (α / r) · B A beside each matrix: they begin alike, and PEFT keeps them all as {@code LORA}.
 *
 * @param <O> the options
 */
abstract class LowRankTuner<O extends Record> extends LinearTuner<O> {
    /** What all of them are told. */
    record Common(int rank, double alpha, double dropout, Targets targets) {
        Common {
            if (rank < 1) {
                throw new IllegalArgumentException("rank must be at least 1, not " + rank);
            }
            if (!(alpha > 0) || Double.isInfinite(alpha)) {
                throw new IllegalArgumentException("alpha must be above 0, not " + alpha);
            }
            if (!(dropout >= 0 && dropout < 1)) {
                throw new IllegalArgumentException("dropout must be at least 0 and below 1, not " + dropout);
            }
        }
    }

    abstract Common common(O options);

    @Override
    public String adapterType() {
        return "LORA";
    }

    @Override
    public double learningRate() {
        return 1e-2;
    }

    @Override
    Targets targets(O options) {
        return common(options).targets;
    }

    @Override
    LowRankAdapter begin(Linear linear, O options, SplittableRandom random) {
        Common common = common(options);
        float scaling = (float) (common.alpha / common.rank);
        return LowRankAdapter.begin(linear, common.rank, scaling, common.dropout, random);
    }

    @Override
    LowRankAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        int rank = rank(file, "r", linear);
        Tensor a = file.tensor(name(linear.name(), "lora_A.weight"), rank, linear.inputs());
        Tensor b = file.tensor(name(linear.name(), "lora_B.weight"), linear.outputs(), rank);
        return new LowRankAdapter(a, b, (float) (file.number("lora_alpha") / rank), 0, 0);
    }

    @Override
    Map<String, Object> configuration(O options) {
        Common common = common(options);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("r", common.rank);
        config.put("lora_alpha", common.alpha);
        config.put("lora_dropout", common.dropout);
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        return config;
    }
}
