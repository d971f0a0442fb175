package parsimony.lora;

import java.util.List;
import parsimony.core.technique.Paper;

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
public final class Lora extends LowRankTuner<Lora.Options> {
    /**
     * @param rank of the change, at least 1
     * @param alpha the change is multiplied by alpha / rank, so that the learning rate need not follow the rank
     * @param dropout probability that a number is left out of what A reads, in training
     * @param targets the projections that are adapted
     */
    public record Options(int rank, double alpha, double dropout, Targets targets) {
        public Options {
            new Common(rank, alpha, dropout, targets);
        }
    }

    @Override
    public String name() {
        return "lora";
    }

    @Override
    public String idea() {
        return "The model is frozen, and the change to each matrix is learned as a product of two thin ones. "
                + "Few numbers are trained, so that gradients and optimizer need little memory, and the product "
                + "can be added to the matrix in the end.";
    }

    @Override
    public Options defaults() {
        return new Options(8, 16, 0, Targets.parse("all"));
    }

    @Override
    public List<String> showcase() {
        return List.of("lora:rank=8", "lora:rank=1", "lora:rank=4", "lora:rank=32", "lora:targets=q/v");
    }

    @Override
    Common common(Options options) {
        return new Common(options.rank, options.alpha, options.dropout, options.targets);
    }
}
