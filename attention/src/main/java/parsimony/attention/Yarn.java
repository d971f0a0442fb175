package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * YaRN: pairs are treated by how often they turn within the L positions that the model was trained on, r = L · frequency / 2π. Those of more than β turns
 * tell near positions apart and stay; those of less than α have never turned fully, so that their angle is an absolute position, and are stretched s times
 * as by {@link RopePi}; between the two the stretch is mixed by a ramp ("NTK by parts", Eqs. 17 to 20). The softmax becomes sharper by a temperature, 1 / √t
 * = 0.1 · ln s + 1 (Eq. 22), which is multiplied into cosines and sines of queries and keys alike.
 *
 * <p>The ramp runs over the numbers of the pairs, from the pair with β turns, rounded down, to the one with α, rounded up, as in the authors' code; the
 * formulas of the paper run over r itself. The factor is 4 unless told otherwise, where the paper shows 16 and 32.
 *
 * <p>Try: {@code yarn:factor=4} against {@code rope-ntk} and {@code rope-pi} on a text of four times the model's context.
 */
@Paper(survey = 153)
public final class Yarn extends AttentionTechnique<Yarn.Options> {
    /**
     * @param factor s, how many times longer texts become
     * @param fast β, turns from which on a pair stays
     * @param slow α, turns up to which a pair is stretched fully
     * @param context L, positions that the model was trained on; none for what the model says of itself
     */
    public record Options(double factor, double fast, double slow, Integer context) {
        public Options {
            RopePi.stretch(factor);
            if (!(slow > 0)) {
                throw new IllegalArgumentException("slow must be more than 0, not " + slow);
            }
            if (!(fast > slow)) {
                throw new IllegalArgumentException("fast must be more than slow, " + slow + ", not " + fast);
            }
            if (context != null) {
                positive(context, "context");
            }
        }
    }

    @Override
    public String name() {
        return "yarn";
    }

    @Override
    public String idea() {
        return "Fast rotations of the position encoding stay, slow ones are stretched, those between are "
                + "mixed, and attention is made a little sharper. So a model reads several times the length "
                + "that it was trained on, with little training or none.";
    }

    @Override
    public Options defaults() {
        return new Options(4, 32, 1, null);
    }

    @Override
    public List<String> showcase() {
        return List.of("yarn:factor=4");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        int trained = options.context == null ? shape.contextLength() : options.context;
        double[] factors = factors(shape.headSize(), shape.rope().theta(), trained, options);
        double temperature = 0.1 * Math.log(options.factor) + 1; // Eq. 22
        return before.withPositions(shape.rope().encoding(shape.headSize()).stretched(factors, (float) temperature));
    }

    private static double[] factors(int headSize, double theta, int trained, Options options) {
        double low = Math.max(Math.floor(pair(options.fast, headSize, theta, trained)), 0);
        double high = Math.min(Math.ceil(pair(options.slow, headSize, theta, trained)), headSize - 1);
        double width = high == low ? 0.001 : high - low; // a step where no pair lies between
        double[] factors = new double[headSize / 2];
        for (int i = 0; i < factors.length; i++) {
            double stretched = Math.clamp((i - low) / width, 0.0, 1.0);
            factors[i] = 1 - stretched + stretched / options.factor;
        }
        return factors;
    }

    /** The number, not rounded, of the pair that turns {@code turns} times in {@code trained} positions. */
    private static double pair(double turns, int headSize, double theta, int trained) {
        return headSize * Math.log(trained / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }
}
