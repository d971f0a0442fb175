package parsimony.core.tensor;

import java.util.SplittableRandom;

/**
 * A random orthogonal matrix of order n that takes about 2 n √n multiplications and is made again from its seed: random signs and a random order, then
 * the Kronecker product A ⊗ B of two small orthogonal matrices (Chee et al., QuIP, 2023, Section 4.1). The Hadamard kind (Tseng et al., QuIP#, 2024, Section 3)
 * is the Hadamard matrix of the largest power of two that divides n, times a random matrix for what of n is odd. It too is cut into two factors, for
 * products with matrices of order √n are faster than n log n additions in the order of a fast transform.
 */
public final class Rotation {
    private final int size;
    private final int p;
    private final int q;
    private final Matrix left;
    private final Matrix right;
    private final int[] order;
    private final float[] signs;

    /** C = op(A) · op(B), or C += op(A) · op(B), as a backend multiplies. */
    @FunctionalInterface
    public interface Product {
        /** By plain loops. */
        Product PLAIN = Rotation::multiply;

        void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate);
    }

    /**
     * @param size n
     * @param hadamard whether to use a Hadamard matrix
     */
    public Rotation(int size, boolean hadamard, long seed) {
        this.size = size;
        SplittableRandom random = new SplittableRandom(seed);
        if (hadamard) {
            int even = Integer.lowestOneBit(size);
            q = 1 << (Integer.numberOfTrailingZeros(even) + 1) / 2;
            p = size / q;
            int odd = size / even;
            left = kronecker(randomOrthogonal(odd, random), odd, p / odd);
            right = kronecker(new float[] {1}, 1, q);
        } else {
            p = smallerFactor(size);
            q = size / p;
            left = Matrix.of(randomOrthogonal(p, random), p, p);
            right = Matrix.of(randomOrthogonal(q, random), q, q);
        }
        order = new int[size];
        signs = new float[size];
        for (int i = 0; i < size; i++) {
            int other = random.nextInt(i + 1);
            order[i] = order[other];
            order[other] = i;
            signs[i] = random.nextBoolean() ? 1 : -1;
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

    /** M ⊗ H, H the Hadamard matrix of that order, of norm 1: its element (i, j) is negative if i and j share an odd number of bits. */
    private static Matrix kronecker(float[] matrix, int n, int hadamard) {
        int size = n * hadamard;
        float[] result = new float[size * size];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                double h = (Integer.bitCount(i % hadamard & j % hadamard) % 2 == 0 ? 1 : -1) / Math.sqrt(hadamard);
                result[i * size + j] = (float) (h * matrix[i / hadamard * n + j / hadamard]);
            }
        }
        return Matrix.of(result, size, size);
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

    private static void multiply(
            Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate) {
        int inner = transposeA ? a.rows() : a.columns();
        for (int row = 0; row < c.rows(); row++) {
            for (int column = 0; column < c.columns(); column++) {
                double sum = accumulate ? c.get(row, column) : 0;
                for (int i = 0; i < inner; i++) {
                    float x = transposeA ? a.get(i, row) : a.get(row, i);
                    sum += (double) x * (transposeB ? b.get(column, i) : b.get(i, column));
                }
                c.data()[c.offset() + row * c.stride() + column] = (float) sum;
            }
        }
    }

    /** Bytes of the numbers that the seed stands for. */
    public long bytes() {
        return 4L * (p * p + q * q + 2 * size);
    }

    /** Replaces each of {@code count} vectors x of n numbers, one after the other from {@code offset} on, by M · x. */
    public void apply(float[] x, int offset, int count, Product product) {
        float[] a = new float[count * size];
        float[] b = new float[count * size];
        for (int start = 0; start < a.length; start += size) {
            for (int i = 0; i < size; i++) {
                a[start + i] = signs[i] * x[offset + start + order[i]];
            }
        }
        product.multiply(Matrix.of(a, count * p, q), false, right, true, Matrix.of(b, count * p, q), false);
        transpose(b, p, q, a);
        product.multiply(Matrix.of(a, count * q, p), false, left, true, Matrix.of(b, count * q, p), false);
        System.arraycopy(b, 0, x, offset, b.length);
    }

    /** Replaces each x by Mᵀ · x = M⁻¹ · x. */
    public void applyTransposed(float[] x, int offset, int count, Product product) {
        float[] a = new float[count * size];
        float[] b = new float[count * size];
        System.arraycopy(x, offset, a, 0, a.length);
        product.multiply(Matrix.of(a, count * q, p), false, left, false, Matrix.of(b, count * q, p), false);
        transpose(b, q, p, a);
        product.multiply(Matrix.of(a, count * p, q), false, right, false, Matrix.of(b, count * p, q), false);
        for (int start = 0; start < b.length; start += size) {
            for (int i = 0; i < size; i++) {
                x[offset + start + order[i]] = signs[i] * b[start + i];
            }
        }
    }

    /** Turns matrices [rows, columns], one after the other, into [columns, rows]. */
    private void transpose(float[] from, int rows, int columns, float[] to) {
        for (int start = 0; start < from.length; start += size) {
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < columns; column++) {
                    to[start + column * rows + row] = from[start + row * columns + column];
                }
            }
        }
    }
}
