package parsimony.core.technique;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * H = 2 Σ x xᵀ of a layer's inputs with something added to its diagonal, taken apart into R · Rᵀ, R upper triangular. That one factor serves
 * all who use second-order information: its inverse U is the Cholesky factor of H⁻¹ = Uᵀ · U that GPTQ, SparseGPT, OWQ and SpQR read, and
 * R itself, its columns divided by its diagonal, is the feedback of QuIP's LDLQ.
 *
 * <p>As in GPTQ's code (Frantar et al., 2023), an input that was always zero gets a 1 on the diagonal, and {@code damping} times the mean of the
 * diagonal is added. That code inverts H by one Cholesky factor and takes another of the result; a triangular inverse is cheaper and loses less.
 * Blocks on the diagonal are taken apart in double precision, the rest is the backend's matrix product. If a pivot drowns in rounding, the
 * damping grows until none does.
 */
public final class DampedHessian {
    private static final int BLOCK = 64;
    /** Columns of one product while the factor is inverted: what lies below the diagonal is not worth multiplying. */
    private static final int STRIP = 1024;
    /** A pivot that is a smaller part of what stood there before is nothing but rounding. */
    private static final double SMALLEST_PIVOT = 0x1p-23;
    /** The least damping that is tried after none or too little. */
    private static final double FIRST_DAMPING = 0.001;

    private final Backend backend;
    private final int size;
    private final Tensor factor;
    private final BitSet dead;
    /** Of H, dead inputs counting as 1. */
    private final double[] diagonal;

    private final double mean;
    private double damping;

    private DampedHessian(Tensor hessian, BitSet dead, double[] diagonal, double damping, Backend backend) {
        this.backend = backend;
        this.size = hessian.columns();
        this.factor = hessian;
        this.dead = dead;
        this.diagonal = diagonal;
        mean = Arrays.stream(diagonal).average().orElse(0);
        this.damping = damping;
    }

    private double damped(int i) {
        return diagonal[i] + damping * mean;
    }

    /**
     * Damps a Hessian and takes it apart.
     *
     * @param hessian [in, in], symmetric; its memory is used for the result
     * @param damping share of the mean of the diagonal that is added, 0.01 for 1 %; more if that is not enough
     * @param task whose Hessian it is
     * @throws TechniqueException if the diagonal is not finite
     */
    public static DampedHessian of(Tensor hessian, double damping, LinearTask task) {
        int size = hessian.columns();
        float[] h = hessian.array();
        BitSet dead = new BitSet(size);
        double[] diagonal = new double[size];
        for (int i = 0; i < size; i++) {
            dead.set(i, h[i * size + i] == 0);
            diagonal[i] = dead.get(i) ? 1 : h[i * size + i];
        }
        DampedHessian result = new DampedHessian(hessian, dead, diagonal, damping, task.backend());
        if (!Float.isFinite((float) result.mean)) {
            throw new TechniqueException(
                    "the inputs of " + task.name() + " are too large: their squares are no 32-bit numbers");
        }
        while (!result.decompose()) {
            result.damping = Math.max(FIRST_DAMPING, 10 * result.damping);
            result.restore();
        }
        if (result.damping != damping) {
            task.progress()
                    .note(task.name() + ": the Hessian is not positive definite with a damping of " + damping + "; "
                            + result.damping + " was used");
        }
        return result;
    }

    /** @throws IllegalArgumentException if {@code damping} is no share that can be added */
    public static void checkDamping(double damping) {
        if (!(damping >= 0 && damping < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("damping must be 0 or more, not " + damping);
        }
    }

    /** The inputs from the largest on the diagonal to the smallest, a dead one counting as 1: GPTQ's order of activations. */
    public static int[] descendingOrder(Tensor hessian) {
        int size = hessian.columns();
        float[] diagonal = new float[size];
        for (int i = 0; i < size; i++) {
            float h = hessian.array()[i * size + i];
            diagonal[i] = h == 0 ? 1 : h;
        }
        return IntStream.range(0, size)
                .boxed()
                .sorted(Comparator.comparing((Integer i) -> -diagonal[i]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The same Hessian [in, in] of inputs in another order: element (i, j) is element (order[i], order[j]) of {@code hessian}. */
    public static Tensor ordered(Tensor hessian, int[] order, Backend backend) {
        int size = order.length;
        Tensor result = hessian.zerosLike();
        backend.parallel(size, row -> {
            for (int column = 0; column < size; column++) {
                result.array()[row * size + column] = hessian.array()[order[row] * size + order[column]];
            }
        });
        return result;
    }

    /** Inputs that were never anything but zero. */
    public BitSet dead() {
        return dead;
    }

    /**
     * Sets the weights of dead inputs to zero, for they are multiplied by nothing else.
     *
     * @param weights [out, at least in]
     * @param column of {@code weights} that belongs to an input of this Hessian
     */
    public void clearDead(Tensor weights, IntUnaryOperator column) {
        dead.stream().map(column).forEach(i -> {
            for (int row = 0; row < weights.rows(); row++) {
                weights.array()[row * weights.columns() + i] = 0;
            }
        });
    }

    /** The share of the mean of the diagonal that was added to it in the end. */
    public double damping() {
        return damping;
    }

    /** Adds to the diagonal of {@code hessian}, a copy of what this was made of, what was added here. */
    public void addDamping(Tensor hessian) {
        for (int i = 0; i < size; i++) {
            hessian.array()[i * size + i] = (float) damped(i);
        }
    }

    /** R [in, in] where H = R · Rᵀ; its upper triangle, what is below means nothing. */
    public Tensor factor() {
        return factor;
    }

    /** H without damping, from below the diagonal: the upper triangle as it was before. */
    private void restore() {
        float[] h = factor.array();
        backend.parallel(size, row -> {
            for (int column = row + 1; column < size; column++) {
                h[row * size + column] = h[column * size + row];
            }
        });
    }

    /**
     * Overwrites the upper triangle with R, block columns from the last to the first, each one first freed of what the columns after it
     * explain. Returns false when a pivot is too small.
     */
    private boolean decompose() {
        float[] h = factor.array();
        for (int i = 0; i < size; i++) {
            h[i * size + i] = (float) damped(i);
        }
        for (int end = size; end > 0; end -= BLOCK) {
            int first = Math.max(0, end - BLOCK);
            if (end < size) {
                Tensor explained = Tensor.zeros(end, end - first);
                backend.multiply(
                        view(factor, 0, end, end, size),
                        false,
                        view(factor, first, end, end, size),
                        true,
                        explained.matrix(),
                        false);
                subtract(explained, first);
            }
            double[] block = decomposeBlock(first, end);
            if (block == null) {
                return false;
            }
            solveAbove(first, end, block);
        }
        return true;
    }

    /** Subtracts [rows, columns] from the upper triangle of the block column that begins at {@code first}. */
    private void subtract(Tensor explained, int first) {
        int columns = explained.columns();
        backend.parallel(explained.rows(), row -> {
            for (int i = Math.max(0, row - first); i < columns; i++) {
                factor.array()[row * size + first + i] -= explained.array()[row * columns + i];
            }
        });
    }

    /** R of a block on the diagonal, in place and as the result; null when a pivot is too small. */
    private double[] decomposeBlock(int first, int end) {
        int width = end - first;
        double[] r = new double[width * width];
        for (int j = width - 1; j >= 0; j--) {
            for (int i = j; i >= 0; i--) {
                double sum = factor.array()[(first + i) * size + first + j];
                for (int k = j + 1; k < width; k++) {
                    sum -= r[i * width + k] * r[j * width + k];
                }
                if (i < j) {
                    r[i * width + j] = sum / r[j * width + j];
                } else if (sum > SMALLEST_PIVOT * damped(first + j)) {
                    r[j * width + j] = Math.sqrt(sum);
                } else {
                    return null; // NaN too
                }
            }
        }
        for (int i = 0; i < width; i++) {
            for (int j = i; j < width; j++) {
                factor.array()[(first + i) * size + first + j] = (float) r[i * width + j];
            }
        }
        return r;
    }

    /** What stands above a block on the diagonal, times that block's R⁻ᵀ. */
    private void solveAbove(int first, int end, double[] block) {
        int width = end - first;
        backend.parallel(first, row -> {
            double[] x = new double[width];
            for (int j = width - 1; j >= 0; j--) {
                double sum = factor.array()[row * size + first + j];
                for (int k = j + 1; k < width; k++) {
                    sum -= x[k] * block[j * width + k];
                }
                x[j] = sum / block[j * width + j];
            }
            for (int j = 0; j < width; j++) {
                factor.array()[row * size + first + j] = (float) x[j];
            }
        });
    }

    /** U = R⁻¹ [in, in], upper triangular, for which H⁻¹ = Uᵀ · U: block rows from the last to the first, U_I = R_II⁻¹ · (1 − R_I, after · U_after). */
    public Tensor inverseFactor() {
        Tensor inverse = factor.zerosLike();
        int last = (size - 1) / BLOCK * BLOCK;
        for (int first = last; first >= 0; first -= BLOCK) {
            int end = Math.min(size, first + BLOCK);
            Tensor block = invertBlock(first, end);
            for (int i = first; i < end; i++) {
                System.arraycopy(
                        block.array(), (i - first) * (end - first), inverse.array(), i * size + first, end - first);
            }
            backend.addScaled(-2, block.copy(), block);
            for (int from = end; from < size; from += STRIP) {
                int to = Math.min(size, from + STRIP);
                Tensor product = Tensor.zeros(end - first, to - from);
                backend.multiply(
                        view(factor, first, end, end, to),
                        false,
                        view(inverse, end, to, from, to),
                        false,
                        product.matrix(),
                        false);
                backend.multiply(
                        block.matrix(), false, product.matrix(), false, view(inverse, first, end, from, to), false);
            }
        }
        return inverse;
    }

    private Tensor invertBlock(int first, int end) {
        int width = end - first;
        double[] u = new double[width * width];
        Tensor result = Tensor.zeros(width, width);
        for (int j = 0; j < width; j++) {
            for (int i = j; i >= 0; i--) {
                double sum = i == j ? 1 : 0;
                for (int k = i + 1; k <= j; k++) {
                    sum -= factor.array()[(first + i) * size + first + k] * u[k * width + j];
                }
                u[i * width + j] = sum / factor.array()[(first + i) * size + first + i];
                result.array()[i * width + j] = (float) u[i * width + j];
            }
        }
        return result;
    }

    private Matrix view(Tensor matrix, int firstRow, int endRow, int firstColumn, int endColumn) {
        return matrix.matrix().rows(firstRow, endRow - firstRow).columns(firstColumn, endColumn - firstColumn);
    }
}
