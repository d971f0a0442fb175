package parsimony.lora;

import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Codebook;
import parsimony.core.tensor.CodebookStorage;

/**
 * QLoRA: LoRA beside a frozen model in 4 bits. The frozen matrices are kept as NF4, sixteen levels at the quantiles of a normal distribution, times the largest magnitude of each block of
 * 64; with double quantization those magnitudes take 8 bits (Section 3). They are decoded for each product, forward and backward: y = x · decode(W)ᵀ + (α / r) · x Aᵀ Bᵀ (Eq. 5).
 *
 * <p>The paper's paged optimizer is left out: it moves AdamW's state to the host's memory, where everything is here. Embedding, norms and the output matrix stay as they are.
 *
 * <p>Try: {@code rtn:bits=4,group=64+lora}, which learns beside evenly spaced levels.
 */
@Paper(survey = 99)
public final class Qlora extends LowRankTuner<Qlora.Options> {
    /**
     * @param rank as LoRA's
     * @param alpha as LoRA's
     * @param dropout as LoRA's
     * @param targets the projections that are adapted; all are quantized
     * @param codebook the levels
     * @param block weights that share a magnitude, even
     * @param doubleQuantization whether magnitudes are quantized too
     */
    public record Options(
            int rank,
            double alpha,
            double dropout,
            Targets targets,
            Codebook codebook,
            int block,
            boolean doubleQuantization) {
        public Options {
            new Common(rank, alpha, dropout, targets);
            if (codebook == null) {
                throw new IllegalArgumentException("codebook must be nf4 or fp4");
            }
            if (block < 2 || block % 2 != 0) {
                throw new IllegalArgumentException("block must be even and at least 2, not " + block);
            }
        }
    }

    @Override
    public String name() {
        return "qlora";
    }

    @Override
    public String idea() {
        return "LoRA is trained beside a frozen model whose matrices are kept in 4 bits and decoded for each "
                + "product. The frozen part so takes about a quarter of the memory of 16 bits, and the trained "
                + "part is as small as that of LoRA.";
    }

    @Override
    public Options defaults() {
        return new Options(8, 16, 0, Targets.parse("all"), Codebook.NF4, 64, true);
    }

    @Override
    Common common(Options options) {
        return new Common(options.rank, options.alpha, options.dropout, options.targets);
    }

    @Override
    Transformer base(Transformer frozen, Options options) {
        for (Linear linear : frozen.linears()) {
            linear.setWeight(
                    CodebookStorage.of(linear.weight(), options.codebook, options.block, options.doubleQuantization));
        }
        return frozen;
    }
}
