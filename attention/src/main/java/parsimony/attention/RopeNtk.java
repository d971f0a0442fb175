package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * NTK-aware interpolation: instead of stretching all wavelengths alike, the base of the frequencies becomes b · s^(d / (d − 2)), so that the highest
 * frequency, which tells neighbours apart, stays, and the lowest is stretched s times as by {@link RopePi}. Named after the neural tangent kernel, for
 * networks hardly learn high frequencies that are not in their input.
 *
 * <p>As frequencies: pair i of d / 2 is multiplied by s^(−2i / (d − 2)). In between, wavelengths are stretched less than s times, so that some go beyond
 * what the model has seen: the factor must be larger than the text is longer.
 *
 * <p>Try: {@code rope-ntk:factor=8} against {@code rope-pi:factor=4} on a text of four times the model's context, without fine-tuning.
 */
@Paper(survey = 152)
public final class RopeNtk extends AttentionTechnique<RopeNtk.Options> {
    /** @param factor s, by how much the longest wavelength is stretched */
    public record Options(double factor) {
        public Options {
            RopePi.stretch(factor);
        }
    }

    @Override
    public String name() {
        return "rope-ntk";
    }

    @Override
    public String idea() {
        return "The slow rotations of the position encoding are stretched to cover longer texts, and the "
                + "fast ones, which tell neighbours apart, stay. So a model can read beyond the length that it "
                + "was trained on without being trained again.";
    }

    @Override
    public Options defaults() {
        return new Options(4);
    }

    @Override
    public List<String> showcase() {
        return List.of("rope-ntk:factor=4");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withPositions(
                shape.rope().encoding(shape.headSize()).stretched(factors(shape.headSize(), options.factor), 1));
    }

    /** What each pair's frequency is multiplied by [headSize / 2]. */
    static double[] factors(int headSize, double factor) {
        double[] factors = new double[headSize / 2];
        for (int i = 0; i < factors.length; i++) {
            // A head of two numbers has one pair, which is the highest frequency.
            factors[i] = i == 0 ? 1 : Math.pow(factor, -2.0 * i / (headSize - 2));
        }
        return factors;
    }
}
