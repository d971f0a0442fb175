package parsimony.attention;

import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * φ, for which attention is φ(q) · φ(k) instead of exp(q · k): a projection, then a function of each number. What is subtracted before an exponential
 * cancels where weights are divided by their sum, and keeps them within the range of floats.
 */
interface FeatureMap {
    /** Numbers of a feature vector. */
    int features(int headSize);

    /**
     * What the function is applied to.
     *
     * @param x [n, headSize]
     * @param scale what q · k is multiplied by
     * @return [n, features]
     */
    Matrix project(Backend backend, Matrix x, float scale);

    /** What to subtract from a projected row, so that no feature is greater than 1; 0 where features do not overflow. */
    float shift(Matrix projected, int row);

    /**
     * The function itself, in place.
     *
     * @param shifts what is subtracted from each row
     */
    void activate(Backend backend, Matrix projected, float[] shifts);

    /** The function's slope, from what it gave. */
    float slope(float feature);

    /** Adds the gradient of {@link #project} to {@code dx}. */
    void projectBackward(Backend backend, Matrix x, float scale, Matrix dProjected, Matrix dx);
}
