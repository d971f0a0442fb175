package parsimony.lora;

import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
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
public final class Qlora extends LinearTuner<Qlora.Options> {
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
            Lora.check(rank, alpha, dropout);
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
    public Options defaults() {
        return new Options(8, 16, 0, Targets.parse("all"), Codebook.NF4, 64, true);
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
    Transformer base(Transformer frozen, Options options) {
        for (Linear linear : frozen.linears()) {
            linear.setWeight(
                    CodebookStorage.of(linear.weight(), options.codebook, options.block, options.doubleQuantization));
        }
        return frozen;
    }

    @Override
    TunedAdapter begin(Linear linear, Options options, SplittableRandom random) {
        float scaling = (float) (options.alpha / options.rank);
        return LowRankAdapter.begin(linear, options.rank, scaling, options.dropout, random);
    }

    @Override
    TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        return Lora.readLowRank(linear, file);
    }

    @Override
    Map<String, Object> configuration(Options options) {
        return Lora.configuration(options.rank, options.alpha, options.dropout);
    }
}
