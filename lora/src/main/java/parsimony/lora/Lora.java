package parsimony.lora;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Linear;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Tensor;

/**
 * LoRA: the change that fine-tuning makes to a matrix is learned as a product of two thin ones, W + (α / r) · B A, while W stays frozen (Eq. 3). Gradients and optimizer state
 * are needed for A and B alone; once trained, the product is added to W and costs nothing.
 *
 * <p>A begins uniform within ±1 / √in, as in the authors' code (the paper says Gaussian), and B at zero, so that training begins with the frozen model. The paper adapts the
 * queries' and values' projections; here all projections are adapted unless {@code targets} says otherwise, as later work found better at equal rank (QLoRA, Section
 * 4).
 *
 * <p>Try: {@code targets=q/v} with four times the rank, which trains about as many numbers.
 */
@Paper(survey = 82)
public final class Lora extends LinearTuner<Lora.Options> {
    /**
     * @param rank of the change, at least 1
     * @param alpha the change is multiplied by alpha / rank, so that the learning rate need not follow the rank
     * @param dropout probability that a number is left out of what A reads, in training
     * @param targets the projections that are adapted
     */
    public record Options(int rank, double alpha, double dropout, Targets targets) {
        public Options {
            check(rank, alpha, dropout);
        }
    }

    static void check(int rank, double alpha, double dropout) {
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

    @Override
    public String name() {
        return "lora";
    }

    @Override
    public Options defaults() {
        return new Options(8, 16, 0, Targets.parse("all"));
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "lora:rank=8",
                "lora:rank=1",
                "lora:rank=2",
                "lora:rank=4",
                "lora:rank=16",
                "lora:rank=32",
                "lora:targets=q/v");
    }

    @Override
    public double learningRate() {
        return 3e-3;
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
        return LowRankAdapter.begin(linear, options.rank, scaling, options.dropout, random);
    }

    @Override
    TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        return readLowRank(linear, file);
    }

    @Override
    Map<String, Object> configuration(Options options) {
        return configuration(options.rank, options.alpha, options.dropout);
    }

    /** What PEFT calls LORA's settings. */
    static Map<String, Object> configuration(int rank, double alpha, double dropout) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("r", rank);
        config.put("lora_alpha", alpha);
        config.put("lora_dropout", dropout);
        config.put("bias", "none");
        config.put("fan_in_fan_out", false);
        return config;
    }

    /** LORA's adapter of one matrix. */
    static LowRankAdapter readLowRank(Linear linear, AdapterFile file) throws ModelFormatException {
        double rank = file.number("r");
        if (rank != Math.rint(rank) || rank < 1 || rank > linear.inputs()) {
            throw file.refused("r must be a rank from 1 to " + linear.inputs() + ", not " + rank);
        }
        Tensor a = file.tensor(name(linear.name(), "lora_A.weight"), (int) rank, linear.inputs());
        Tensor b = file.tensor(name(linear.name(), "lora_B.weight"), linear.outputs(), (int) rank);
        return new LowRankAdapter(a, b, (float) (file.number("lora_alpha") / rank), 0, 0);
    }
}
