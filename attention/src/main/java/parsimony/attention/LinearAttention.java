package parsimony.attention;

import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.Matrix;

/**
 * Linear attention: the weight of a key is φ(q) · φ(k) with φ(x) = elu(x) + 1 (Eq. 7) instead of exp(q · k), so that the sums over keys are taken once for all
 * queries (Eqs. 10 to 12). A transformer then is a recurrent network: a token is generated from a state of a fixed size, in constant time (Eqs. 16 to 20).
 *
 * <p>Scores are not divided by √d, as in the paper. A model that was trained with a softmax cannot be read this way and must be trained on; rotary positions
 * are kept, though turned features are another thing than features of turned vectors. With ALiBi's biases or capped scores, which need a score to change, it
 * refuses to run.
 *
 * <p>Try: {@code linear}, then {@code parsimony train --from} the result, and generate a long text: no token takes longer than the one before.
 */
@Paper(survey = 126)
public final class LinearAttention extends AttentionTechnique<LinearAttention.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "linear";
    }

    @Override
    public String idea() {
        return "The exponential of a score is replaced by a product of features of query and key, so that "
                + "one sum over the keys serves all queries. A new token then takes the same time and memory "
                + "however long the text is, but the model has to be trained on.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public List<String> showcase() {
        return List.of("linear");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withKernel(new KernelizedAttention(name(), new ShiftedElu()));
    }

    /** elu(x) + 1, which is x + 1 above 0 and exp(x) below. */
    record ShiftedElu() implements FeatureMap {
        @Override
        public int features(int headSize) {
            return headSize;
        }

        @Override
        public Matrix project(Backend backend, Matrix x, float scale) {
            Matrix copy = KernelizedAttention.zeros(x.rows(), x.columns());
            for (int row = 0; row < x.rows(); row++) {
                int from = x.offset() + row * x.stride();
                System.arraycopy(x.data(), from, copy.data(), row * x.columns(), x.columns());
            }
            return copy;
        }

        @Override
        public float shift(Matrix projected, int row) {
            return 0;
        }

        @Override
        public void activate(Backend backend, Matrix projected, float[] shifts) {
            float[] x = projected.data();
            float[] positive = new float[x.length];
            for (int i = 0; i < x.length; i++) {
                positive[i] = Math.max(x[i], 0);
                x[i] = Math.min(x[i], 0);
            }
            backend.exponential(projected, shifts, 0);
            for (int i = 0; i < x.length; i++) {
                x[i] += positive[i];
            }
        }

        @Override
        public float slope(float feature) {
            return Math.min(feature, 1);
        }

        @Override
        public void projectBackward(Backend backend, Matrix x, float scale, Matrix dProjected, Matrix dx) {
            for (int row = 0; row < x.rows(); row++) {
                for (int i = 0; i < x.columns(); i++) {
                    dx.data()[dx.offset() + row * dx.stride() + i] += dProjected.get(row, i);
                }
            }
        }
    }
}
