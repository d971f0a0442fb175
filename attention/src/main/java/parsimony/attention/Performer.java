package parsimony.attention;

import java.util.List;
import java.util.SplittableRandom;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.Matrix;

/**
 * Performer: the softmax itself, estimated by linear attention. For normal random w, E[exp(w · x − |x|²/2) · exp(w · y − |y|²/2)] = exp(x · y) (Lemma 1), so
 * that m such features of √scale · q and √scale · k approximate attention without bias. They are positive, so that small weights do not drown in noise of
 * both signs, and the w are orthogonal in blocks of d, which lowers the variance (FAVOR+, Section 2.4).
 *
 * <p>A vector w keeps the length of a normal one, and the features are drawn once from the seed and the layer; the paper also draws new ones while training.
 * Where the authors' code adds a small number to every feature, the greatest exponent is subtracted here, for each query and for all keys up to now, which
 * cancels. With ALiBi's biases or capped scores, which need a score to change, it refuses to run.
 *
 * <p>The error falls with 1 / √m where queries and keys are short vectors. The variance of a feature grows with exp(|x + y|²), so that long ones need very
 * many: with six normal numbers each, 512 features are still off by half as much as 8.
 *
 * <p>Try: {@code performer:features=64} and {@code features=1024}: the loss approaches that of exact attention as the features grow.
 */
@Paper(survey = 122)
public final class Performer extends AttentionTechnique<Performer.Options> {
    /** @param features m, random features of a head */
    public record Options(int features) {
        public Options {
            positive(features, "features");
        }
    }

    @Override
    public String name() {
        return "performer";
    }

    @Override
    public String idea() {
        return "The softmax is estimated by products of random positive features of queries and keys, so "
                + "that one sum over the keys serves all queries. Time grows with the length of the text "
                + "instead of its square, and more features come closer.";
    }

    @Override
    public Options defaults() {
        return new Options(256);
    }

    @Override
    public List<String> showcase() {
        return List.of("performer:features=64", "performer:features=256", "performer:features=1024");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        long seed = new SplittableRandom(context.seed() + block).nextLong();
        return before.withKernel(new KernelizedAttention(
                name(), new PositiveFeatures(directions(options.features, shape.headSize(), seed))));
    }

    /** Normal vectors [features, headSize], orthogonal in blocks of headSize. */
    static Matrix directions(int features, int headSize, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Matrix directions = KernelizedAttention.zeros(features, headSize);
        for (int row = 0; row < features; row++) {
            double[] vector = normal(random, headSize);
            double length = Math.sqrt(dot(vector, vector));
            for (int other = row / headSize * headSize; other < row; other++) {
                subtractProjection(vector, directions, other);
            }
            double scale = length / Math.sqrt(dot(vector, vector));
            for (int i = 0; i < headSize; i++) {
                directions.data()[row * headSize + i] = (float) (vector[i] * scale);
            }
        }
        return directions;
    }

    private static double[] normal(SplittableRandom random, int size) {
        double[] vector = new double[size];
        for (int i = 0; i < size; i++) {
            vector[i] = random.nextGaussian();
        }
        return vector;
    }

    /** One step of Gram and Schmidt's orthogonalization. */
    private static void subtractProjection(double[] vector, Matrix directions, int row) {
        double product = 0;
        double square = 0;
        for (int i = 0; i < vector.length; i++) {
            product += vector[i] * directions.get(row, i);
            square += (double) directions.get(row, i) * directions.get(row, i);
        }
        for (int i = 0; i < vector.length; i++) {
            vector[i] -= product / square * directions.get(row, i);
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** exp(w · x − |x|²/2) of x = √scale · (a query or key), without the factor 1 / √m, which cancels. */
    record PositiveFeatures(Matrix directions) implements FeatureMap {
        @Override
        public int features(int headSize) {
            return directions.rows();
        }

        @Override
        public Matrix project(Backend backend, Matrix x, float scale) {
            Matrix projected = KernelizedAttention.zeros(x.rows(), directions.rows());
            backend.multiply(x, false, directions, true, projected, false);
            float root = (float) Math.sqrt(scale);
            for (int row = 0; row < x.rows(); row++) {
                float square = 0;
                for (int i = 0; i < x.columns(); i++) {
                    square += x.get(row, i) * x.get(row, i);
                }
                for (int i = row * directions.rows(); i < (row + 1) * directions.rows(); i++) {
                    projected.data()[i] = root * projected.data()[i] - scale * square / 2;
                }
            }
            return projected;
        }

        @Override
        public float shift(Matrix projected, int row) {
            float greatest = Float.NEGATIVE_INFINITY;
            for (int i = 0; i < projected.columns(); i++) {
                greatest = Math.max(greatest, projected.get(row, i));
            }
            return greatest;
        }

        @Override
        public void activate(Backend backend, Matrix projected, float[] shifts) {
            backend.exponential(projected, shifts, 0);
        }

        @Override
        public float slope(float feature) {
            return feature;
        }

        @Override
        public void projectBackward(Backend backend, Matrix x, float scale, Matrix dProjected, Matrix dx) {
            float root = (float) Math.sqrt(scale);
            for (int row = 0; row < x.rows(); row++) {
                float sum = 0;
                for (int i = 0; i < directions.rows(); i++) {
                    sum += dProjected.get(row, i);
                    dProjected.data()[dProjected.offset() + row * dProjected.stride() + i] *= root;
                }
                for (int i = 0; i < x.columns(); i++) {
                    dx.data()[dx.offset() + row * dx.stride() + i] -= scale * sum * x.get(row, i);
                }
            }
            backend.multiply(dProjected, false, directions, false, dx, true);
        }
    }
}
