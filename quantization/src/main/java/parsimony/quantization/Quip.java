package parsimony.quantization;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import parsimony.core.backend.Backend;
import parsimony.core.technique.DampedHessian;
import parsimony.core.technique.ErrorCompensation;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.ConstantStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.RotatedStorage;
import parsimony.core.tensor.Rotation;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * QuIP, quantization with incoherence processing. W and H are turned by random orthogonal matrices, Ŵ = U W Vᵀ and Ĥ = V H Vᵀ, after which no weight and no
 * direction of H stands out, so that one grid serves the whole matrix (Alg. 1, 2). Then LDLQ rounds with linear feedback (Alg. 3): with H = (A + 1) D (A + 1)ᵀ,
 * A strictly upper triangular, column k becomes round(w_k + (W − Q)_before · A_before,k), which no other linear feedback beats. At run time the inputs
 * are turned, and the outputs turned back.
 *
 * <p>LDLQ on the same grid is {@link Gptq} (Theorem 6); {@code incoherence=false}, which rounds to that grid, shows it. As in the authors' code the columns are
 * first scaled by (H_jj / ‖W_j‖²)^¼, H gets a hundredth of its mean diagonal before it is turned and {@code damping} after, the grid spans ±2.4 root mean
 * squares, and weights outside are clipped before they are rounded. Greedy passes afterwards set each weight to the best code given all others, within
 * the grid; the code leaves it in a pass and clips at its end. Zeros of an earlier pruning are lost, for the turned matrix has none.
 *
 * <p>Try: {@code bits=2} beside {@code gptq:bits=2}; {@code hadamard=true} where the width is a power of two; {@code greedyPasses=10}, which is QuIP-RG
 * but for its order of columns.
 */
@Paper(survey = 2)
public final class Quip extends LayerwiseCompressor<Quip.Options> {
    /** The grid's half width in root mean squares of the weights. */
    private static final double RANGE = 2.4;

    private static final double LEAST = 1e-8;

    /**
     * @param bits of one weight, 2 to 8
     * @param greedyPasses rounds of coordinate descent after LDLQ
     * @param hadamard whether the rotations are made of Hadamard matrices rather than random ones
     * @param incoherence whether anything is turned; if not, each row has a grid that covers it
     * @param blockSize inputs whose feedback from all before them is one matrix product
     * @param damping share of the mean of the Hessian's diagonal that is added to it
     */
    public record Options(
            int bits, int greedyPasses, boolean hadamard, boolean incoherence, int blockSize, double damping) {
        public Options {
            RoundToNearest.checkGrid(bits, -1);
            ErrorCompensation.checkBlockSize(blockSize);
            DampedHessian.checkDamping(damping);
            if (greedyPasses < 0) {
                throw new IllegalArgumentException("greedyPasses must be 0 or more, not " + greedyPasses);
            }
        }
    }

    @Override
    public String name() {
        return "quip";
    }

    @Override
    public String idea() {
        return "Weights and inputs are turned by random rotations before rounding, so that no single weight "
                + "stands out. One grid as coarse as 2 bits then serves a whole matrix, and inputs and outputs "
                + "are turned at run time to match.";
    }

    @Override
    public Options defaults() {
        return new Options(2, 0, false, true, 128, 0.01);
    }

    @Override
    public List<String> showcase() {
        return List.of("quip", "quip:hadamard=true");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.HESSIAN;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        return options.incoherence ? turned(task, options) : rowByRow(task, options);
    }

    private static WeightStorage turned(LinearTask task, Options options) {
        int rows = task.rows();
        int columns = task.columns();
        Backend backend = task.backend();
        Tensor weights = task.weights();
        Tensor hessian = task.statistics().hessian();
        float[] inputScales = balance(weights, hessian);
        normalize(hessian);

        int seed = Long.hashCode(task.seed());
        RotatedStorage shape = new RotatedStorage(ConstantStorage.of(rows, columns, 0), options.hadamard, seed);
        Rotation inputs = shape.inputRotation();
        Tensor outputsFirst = transposed(turnRows(weights, inputs, backend));
        Tensor turned = transposed(turnRows(outputsFirst, shape.outputRotation(), backend));
        hessian = turnRows(transposed(turnRows(hessian, inputs, backend)), inputs, backend);

        int largestCode = (1 << options.bits) - 1;
        float width = (float) (RANGE * Math.sqrt(backend.sumOfSquares(turned) / turned.size()) + 1e-16);
        for (int i = 0; i < turned.size(); i++) {
            float position = (turned.array()[i] / width + 1) / 2 * largestCode;
            turned.array()[i] = Math.clamp(position, 0f, largestCode);
        }
        byte[] codes = round(turned, hessian, task, options);
        WeightStorage grid = NestedGridStorage.of(
                columns,
                options.bits,
                columns,
                codes,
                ConstantStorage.of(1, rows, 2 * width / largestCode),
                ConstantStorage.of(1, rows, largestCode / 2f));
        WeightStorage scales = DenseStorage.of(DataType.F16, new TensorStorage(Tensor.of(inputScales, 1, columns)));
        return new ScaledInputStorage(new RotatedStorage(grid, options.hadamard, seed), (DenseStorage) scales);
    }

    /**
     * Multiplies column j of W by d_j = (H_jj / ‖W_j‖²)^¼ and divides row and column j of H by it, so that neither has much more than the other. Returns 1 / d,
     * which the inputs are to be multiplied by, numbers of 16 bits.
     */
    private static float[] balance(Tensor weights, Tensor hessian) {
        int columns = hessian.columns();
        double largest = 0;
        for (float h : hessian.array()) {
            largest = Math.max(largest, Math.abs(h));
        }
        double[] squares = new double[columns];
        for (int i = 0; i < weights.size(); i++) {
            squares[i % columns] += (double) weights.array()[i] * weights.array()[i];
        }
        float[] inverse = new float[columns];
        for (int j = 0; j < columns; j++) {
            double h = Math.max(LEAST, hessian.array()[j * columns + j] / Math.max(largest, Float.MIN_NORMAL));
            double d = Math.sqrt(Math.sqrt(h / Math.max(LEAST, squares[j])));
            inverse[j] = DataType.F16.roundPositive((float) (1 / d));
        }
        for (int i = 0; i < weights.size(); i++) {
            weights.array()[i] /= inverse[i % columns];
        }
        for (int i = 0; i < hessian.size(); i++) {
            hessian.array()[i] *= inverse[i / columns] * inverse[i % columns];
        }
        return inverse;
    }

    /** Scales H to a mean diagonal of 1 and adds a hundredth to it. */
    private static void normalize(Tensor hessian) {
        int columns = hessian.columns();
        double trace = 0;
        for (int i = 0; i < columns; i++) {
            trace += hessian.array()[i * columns + i];
        }
        float factor = trace == 0 ? 0 : (float) (columns / trace);
        for (int i = 0; i < hessian.size(); i++) {
            hessian.array()[i] = factor * hessian.array()[i] + (i / columns == i % columns ? 0.01f : 0);
        }
    }

    /** M · Rᵀ, in place. */
    private static Tensor turnRows(Tensor matrix, Rotation rotation, Backend backend) {
        rotation.apply(matrix.array(), 0, matrix.rows(), backend::multiply);
        return matrix;
    }

    private static Tensor transposed(Tensor matrix) {
        Tensor result = Tensor.zeros(matrix.columns(), matrix.rows());
        for (int i = 0; i < matrix.size(); i++) {
            result.array()[i % matrix.columns() * matrix.rows() + i / matrix.columns()] = matrix.array()[i];
        }
        return result;
    }

    /** LDLQ on GPTQ's grid of whole rows. */
    private static WeightStorage rowByRow(LinearTask task, Options options) {
        int columns = task.columns();
        float[] weights = task.weights().array();
        GridStorage.Builder result =
                new GridStorage.Builder(task.rows(), columns, options.bits, -1, false, task.scaleType());
        Tensor positions = task.weights().zerosLike();
        for (int row = 0; row < task.rows(); row++) {
            Grid grid = Grid.fit(weights, row * columns, columns, options.bits, false, task.scaleType());
            result.setGrid(row, 0, grid);
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                positions.array()[i] = weights[i] / grid.scale() + grid.zeroPoint();
            }
        }
        byte[] codes = round(positions, task.statistics().hessian(), task, options);
        for (int i = 0; i < codes.length; i++) {
            result.setCode(i / columns, i % columns, codes[i]);
        }
        return result.build();
    }

    /**
     * Rounds weights to codes.
     *
     * @param positions weights [out, in] in units of the grid, code 0 at 0
     * @param hessian used up
     */
    private static byte[] round(Tensor positions, Tensor hessian, LinearTask task, Options options) {
        Tensor kept = options.greedyPasses == 0 ? null : hessian.copy();
        DampedHessian damped = DampedHessian.of(hessian, options.damping, task);
        Tensor errors = linearFeedback(positions, damped.factor(), task.backend(), options);
        if (kept != null) {
            damped.addDamping(kept);
            boolean changed = true;
            for (int pass = 0; pass < options.greedyPasses && changed; pass++) {
                changed = descend(positions, errors, kept, task.backend(), options);
            }
        }
        byte[] codes = new byte[positions.size()];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) code(positions.array()[i] - errors.array()[i], options);
        }
        return codes;
    }

    private static int code(float position, Options options) {
        return (int) Math.clamp(Math.rint(position), 0.0, (1 << options.bits) - 1);
    }

    /** LDLQ (Alg. 3), column by column; the feedback of earlier blocks is one product. Returns what was lost, W − Q. */
    private static Tensor linearFeedback(Tensor positions, Tensor factor, Backend backend, Options options) {
        int rows = positions.rows();
        int columns = positions.columns();
        // A + 1 = R · diag(R)⁻¹, for which H = (A + 1) · diag(R)² · (A + 1)ᵀ.
        float[] a = factor.array();
        float[] pivots = new float[columns];
        for (int k = 0; k < columns; k++) {
            pivots[k] = a[k * columns + k];
        }
        backend.parallel(columns, j -> {
            for (int k = j + 1; k < columns; k++) {
                a[j * columns + k] /= pivots[k];
            }
        });
        Tensor errors = positions.zerosLike();
        for (int block = 0; block < columns; block += options.blockSize) {
            int first = block;
            int width = Math.min(options.blockSize, columns - first);
            Tensor wanted = Tensor.zeros(rows, width);
            backend.multiply(
                    errors.matrix().columns(0, first),
                    false,
                    factor.matrix().rows(0, first).columns(first, width),
                    false,
                    wanted.matrix(),
                    false);
            backend.parallel(rows, row -> {
                float[] target = wanted.array();
                for (int i = 0; i < width; i++) {
                    int position = row * columns + first + i;
                    float weight = positions.array()[position];
                    float error = weight - code(weight + target[row * width + i], options);
                    errors.array()[position] = error;
                    int feedback = (first + i) * columns + first;
                    for (int k = i + 1; k < width; k++) {
                        target[row * width + k] += error * a[feedback + k];
                    }
                }
            });
        }
        return errors;
    }

    /** One pass of coordinate descent on tr((W − Q) H (W − Q)ᵀ). Returns whether a code changed. */
    private static boolean descend(Tensor positions, Tensor errors, Tensor hessian, Backend backend, Options options) {
        int rows = positions.rows();
        int columns = positions.columns();
        float[] h = hessian.array();
        AtomicBoolean changed = new AtomicBoolean();
        for (int block = 0; block < columns; block += options.blockSize) {
            int first = block;
            int width = Math.min(options.blockSize, columns - first);
            Matrix part = hessian.matrix().columns(first, width);
            Tensor slopes = Tensor.zeros(rows, width);
            backend.multiply(errors.matrix(), false, part, false, slopes.matrix(), false);
            backend.parallel(rows, row -> {
                float[] slope = slopes.array();
                for (int i = 0; i < width; i++) {
                    int position = row * columns + first + i;
                    int diagonal = (first + i) * (columns + 1);
                    float before = positions.array()[position] - errors.array()[position];
                    float step = code(before + slope[row * width + i] / h[diagonal], options) - Math.round(before);
                    if (step != 0) {
                        changed.set(true);
                        errors.array()[position] -= step;
                        for (int k = i; k < width; k++) {
                            slope[row * width + k] -= step * h[(first + i) * columns + first + k];
                        }
                    }
                }
            });
        }
        return changed.get();
    }
}
