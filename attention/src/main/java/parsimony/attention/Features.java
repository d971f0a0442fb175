package parsimony.attention;

import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;

/**
 * Feature vectors, each divided by a number of its own.
 *
 * @param values φ(x) / exp(shift) [n, features]
 * @param shifts of each row
 */
record Features(Matrix values, float[] shifts) {
    /** @param x [n, headSize] */
    static Features of(FeatureMap map, Backend backend, Matrix x, float scale) {
        Matrix values = map.project(backend, x, scale);
        float[] shifts = new float[values.rows()];
        for (int row = 0; row < shifts.length; row++) {
            shifts[row] = map.shift(values, row);
        }
        map.activate(backend, values, shifts);
        return new Features(values, shifts);
    }

    /** What a row must be multiplied by to be divided by exp(shift) instead. */
    float factor(int row, float shift) {
        return factor(shifts[row], shift);
    }

    /** exp(before − after). */
    static float factor(float before, float after) {
        return before == after ? 1 : (float) Math.exp((double) before - after);
    }
}
