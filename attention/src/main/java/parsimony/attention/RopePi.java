package parsimony.attention;

import java.util.Arrays;
import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.Rope;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Position interpolation: a model that was trained on L positions reads s · L of them as if they lay s times as dense, f(x, m) → f(x, m / s) (Eq. 4). All
 * positions then are between those that it knows, at the price of distances that look shorter than they are: some fine-tuning is expected.
 *
 * <p>The paper's factors are 2 to 16, one for each length; here it is 4 unless told otherwise. Llama 3's stretched frequencies, where a model has them, are
 * stretched further.
 *
 * <p>Try: {@code rope-pi:factor=4} on a text of four times the model's context, and on a short one, where it costs most.
 */
@Paper(survey = 151)
public final class RopePi extends AttentionTechnique<RopePi.Options> {
    /** @param factor s, how many times longer texts become */
    public record Options(double factor) {
        public Options {
            stretch(factor);
        }
    }

    /** Checks how many times longer texts are to become. */
    static void stretch(double factor) {
        if (!(factor >= 1 && factor < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("factor must be at least 1 and finite, not " + factor);
        }
    }

    @Override
    public String name() {
        return "rope-pi";
    }

    @Override
    public String idea() {
        return "Positions are divided by a factor, so that those of a long text lie between positions that "
                + "the model was trained on. It needs no new parameters to read longer texts, but neighbours "
                + "look nearer than they are, and some training is expected.";
    }

    @Override
    public Options defaults() {
        return new Options(4);
    }

    @Override
    public List<String> showcase() {
        return List.of("rope-pi:factor=4");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        Rope rope = shape.rope().encoding(shape.headSize());
        double[] factors = new double[shape.headSize() / 2];
        Arrays.fill(factors, 1 / options.factor);
        return before.withPositions(rope.stretched(factors, 1));
    }
}
