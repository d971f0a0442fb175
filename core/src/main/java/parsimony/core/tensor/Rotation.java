package parsimony.core.tensor;

import java.util.SplittableRandom;

/**
 * A random orthogonal matrix of order n that takes about 2 n √n multiplications and is made again from its seed: the Kronecker product A ⊗ B of two
 * small ones, after a random permutation (Chee et al., QuIP, 2023, Section 4.1). With B a Hadamard matrix and random signs in place of the
 * permutation (Tseng et al., QuIP#, 2024, Section 3) it takes n log n additions where n is a power of two; A then has what of n is odd.
 */
public final class Rotation {
    private final int size;
    /** [p, p], p · q = n. */
    private final float[] left;

    private final int p;
    /** [q, q], or null for the Hadamard matrix of that order. */
    private final float[] right;

    private final float[] rightTransposed;
    private final int q;
    private final int[] permutation;
    private final float[] signs;

    /**
     * @param size n
     * @param hadamard whether to use a Hadamard matrix
     */
    public Rotation(int size, boolean hadamard, long seed) {
        this.size = size;
        SplittableRandom random = new SplittableRandom(seed);
        p = hadamard ? size / Integer.lowestOneBit(size) : smallerFactor(size);
        q = size / p;
        left = randomOrthogonal(p, random);
        right = hadamard ? null : randomOrthogonal(q, random);
        rightTransposed = hadamard ? null : transposed(right, q);
        signs = hadamard ? new float[size] : null;
        permutation = hadamard ? null : new int[size];
        for (int i = 0; i < size; i++) {
            if (hadamard) {
                signs[i] = random.nextBoolean() ? 1 : -1;
            } else {
                int other = random.nextInt(i + 1);
                permutation[i] = permutation[other];
                permutation[other] = i;
            }
        }
    }

    /** The largest divisor that is at most √n. */
    private static int smallerFactor(int n) {
        int factor = (int) Math.sqrt(n);
        while (n % factor != 0) {
            factor--;
        }
        return factor;
    }

    /** An orthogonal matrix that has no direction it prefers: normal numbers, orthogonalized row by row, twice for accuracy. */
    private static float[] randomOrthogonal(int n, SplittableRandom random) {
        double[][] rows = new double[n][n];
        float[] result = new float[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                rows[i][j] = normal(random);
            }
            for (int k = 0; k < 2 * i; k++) {
                double[] earlier = rows[k % i];
                double share = dot(rows[i], earlier);
                for (int j = 0; j < n; j++) {
                    rows[i][j] -= share * earlier[j];
                }
            }
            double length = Math.sqrt(dot(rows[i], rows[i]));
            for (int j = 0; j < n; j++) {
                rows[i][j] /= length;
                result[i * n + j] = (float) rows[i][j];
            }
        }
        return result;
    }

    private static float[] transposed(float[] matrix, int n) {
        float[] result = new float[n * n];
        for (int i = 0; i < result.length; i++) {
            result[i % n * n + i / n] = matrix[i];
        }
        return result;
    }

    /** By Box and Muller, so that a seed gives the same bits with every Java. */
    private static double normal(SplittableRandom random) {
        double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - random.nextDouble()));
        return radius * StrictMath.cos(2 * Math.PI * random.nextDouble());
    }

    private static double dot(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += x[i] * y[i];
        }
        return sum;
    }

    /** Bytes of the numbers that the seed stands for. */
    public long bytes() {
        return 4L * (left.length + (right == null ? signs.length : 2L * right.length + permutation.length));
    }

    /** Replaces the n numbers x from {@code offset} on by M · x. */
    public void apply(float[] x, int offset) {
        float[] from = new float[size];
        for (int i = 0; i < size; i++) {
            from[i] = signs != null ? signs[i] * x[offset + i] : x[offset + permutation[i]];
        }
        float[] turned = multiplyLeft(turnRows(from, false), false);
        System.arraycopy(turned, 0, x, offset, size);
    }

    /** Replaces x by Mᵀ · x = M⁻¹ · x. */
    public void applyTransposed(float[] x, int offset) {
        float[] from = new float[size];
        System.arraycopy(x, offset, from, 0, size);
        float[] turned = multiplyLeft(turnRows(from, true), true);
        for (int i = 0; i < size; i++) {
            if (signs != null) {
                x[offset + i] = signs[i] * turned[i];
            } else {
                x[offset + permutation[i]] = turned[i];
            }
        }
    }

    /** X · Bᵀ, or X · B, of X [p, q], which may be overwritten. */
    private float[] turnRows(float[] x, boolean transposed) {
        if (right == null) {
            for (int row = 0; row < p; row++) {
                hadamard(x, row * q);
            }
            return x;
        }
        float[] result = new float[size];
        for (int row = 0; row < p; row++) {
            for (int k = 0; k < q; k++) {
                addScaled(x[row * q + k], transposed ? right : rightTransposed, k * q, result, row * q, q);
            }
        }
        return result;
    }

    /** A · X, or Aᵀ · X, of X [p, q]. */
    private float[] multiplyLeft(float[] x, boolean transposed) {
        float[] result = new float[size];
        for (int i = 0; i < p; i++) {
            for (int k = 0; k < p; k++) {
                addScaled(transposed ? left[k * p + i] : left[i * p + k], x, k * q, result, i * q, q);
            }
        }
        return result;
    }

    /** The fast Walsh-Hadamard transform of q numbers, of norm 1. */
    private void hadamard(float[] x, int offset) {
        for (int half = 1; half < q; half *= 2) {
            for (int start = offset; start < offset + q; start += 2 * half) {
                butterflies(x, start, half);
            }
        }
        float norm = (float) (1 / Math.sqrt(q));
        for (int i = offset; i < offset + q; i++) {
            x[i] *= norm;
        }
    }

    private static void butterflies(float[] x, int start, int half) {
        for (int i = start; i < start + half; i++) {
            float a = x[i];
            float b = x[i + half];
            x[i] = a + b;
            x[i + half] = a - b;
        }
    }

    private static void addScaled(float factor, float[] x, int from, float[] y, int to, int count) {
        for (int i = 0; i < count; i++) {
            y[to + i] += factor * x[from + i];
        }
    }
}
