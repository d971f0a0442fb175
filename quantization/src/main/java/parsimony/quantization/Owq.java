package parsimony.quantization;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import parsimony.core.technique.DampedHessian;
import parsimony.core.technique.ErrorCompensation;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Outlier-aware weight quantization: the few inputs that a quantization error would hurt most keep their weights in 16 bits; the others are quantized as
 * in {@link Gptq}, the kept ones last in line, so that they also make good what is lost before them. An input's sensitivity is its diagonal element of the
 * Hessian, λ_j = 2 Σ x_j², or as in the paper's Eq. 4 that times ‖ΔW_j‖², what rounding to nearest would do to its weights.
 *
 * <p>The grid of a group is searched (Section 4.1): of 100 scales, 40 where there are groups within a row, and all whole zero points, the one that leaves the
 * least Σ |w − q|^2.4. Groups are of neighbours among the inputs that are quantized, in the order in which they are. Pruned weights stay zero. What
 * rounding to 16 bits changes in a kept column is made good by the kept ones after it; the authors' code leaves that.
 *
 * <p>Try: {@code outliers=0} against 1 and 4 on a layer whose inputs have outlier features, such as those of {@code planted-outliers}.
 */
@Paper(survey = 4)
public final class Owq extends LayerwiseCompressor<Owq.Options> {
    private static final int SCALES_OF_A_ROW = 100;
    private static final int SCALES_OF_A_GROUP = 40;

    /** What makes an input an outlier. */
    public enum Sensitivity {
        /** λ_j alone, the default of the authors' solver. */
        DIAGONAL,
        /** λ_j · ‖ΔW_j‖². */
        ERROR
    }

    /**
     * @param bits of one weight, 2 to 8
     * @param group weights of a row that share a scale; −1 for the whole row
     * @param outliers inputs whose weights are kept in 16 bits
     * @param sensitivity what makes an input an outlier
     * @param actOrder whether inputs are taken from the most to the least sensitive
     * @param mse whether the grid is searched; otherwise it covers all weights
     * @param blockSize inputs between two updates of all that follow
     * @param damping share of the mean of the Hessian's diagonal that is added to it
     */
    public record Options(
            int bits,
            int group,
            int outliers,
            Sensitivity sensitivity,
            boolean actOrder,
            boolean mse,
            int blockSize,
            double damping) {
        public Options {
            RoundToNearest.checkGrid(bits, group);
            ErrorCompensation.checkBlockSize(blockSize);
            DampedHessian.checkDamping(damping);
            if (outliers < 0) {
                throw new IllegalArgumentException("outliers must be 0 or more, not " + outliers);
            }
            if (sensitivity == null) {
                throw new IllegalArgumentException("sensitivity must be diagonal or error");
            }
        }
    }

    @Override
    public String name() {
        return "owq";
    }

    @Override
    public String idea() {
        return "The few inputs whose weights rounding would hurt most keep them in 16 bits, and all others "
                + "are quantized as in GPTQ. A handful of columns costs little memory, and with the worst of "
                + "the error gone the rest can do with fewer bits.";
    }

    @Override
    public Options defaults() {
        return new Options(3, -1, 4, Sensitivity.DIAGONAL, false, true, 128, 0.01);
    }

    @Override
    public List<String> showcase() {
        return List.of("owq:group=32", "owq");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.HESSIAN;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        int columns = task.columns();
        Tensor hessian = task.statistics().hessian();
        int[] descending = bySensitivity(task, hessian, options);
        int kept = Math.min(options.outliers, columns - 1);
        int rounded = columns - kept;
        int[] order = order(descending, kept, options.actOrder);

        GridStorage.Builder result =
                new GridStorage.Builder(task.rows(), rounded, options.bits, options.group, false, task.scaleType());
        boolean wholeRows = result.groups() == 1;
        GroupRounding rounding = new GroupRounding(
                task, result, rounded, order, true, (w, offset, count) -> fit(w, offset, count, task, options));
        Tensor weights = Gptq.orderedColumns(task.weights(), order, task.backend());
        if (wholeRows) {
            rounding.fitAll(weights);
        } else {
            rounding.fitAsBlocksBegin(weights);
        }
        DampedHessian damped =
                DampedHessian.of(DampedHessian.ordered(hessian, order, task.backend()), options.damping, task);
        damped.clearDead(weights, IntUnaryOperator.identity());
        DataType type = Outliers.type(task.scaleType(), task.weights());
        new ErrorCompensation(weights, damped.inverseFactor(), task.backend())
                .run(columns, options.blockSize, 1, new ErrorCompensation.Rule() {
                    @Override
                    public void beginBlock(int first, int end) {
                        rounding.beginBlock(first, end);
                    }

                    @Override
                    public float replace(int row, int place, float weight) {
                        if (place < rounded) {
                            return rounding.replace(row, place, weight);
                        }
                        return task.isZero(row, order[place]) ? 0 : type.round(weight);
                    }
                });
        WeightStorage grid = ColumnsStorage.of(result.build(), columns, Arrays.copyOf(order, rounded));
        if (kept == 0) {
            return grid;
        }
        int[] places = IntStream.range(rounded, columns).toArray();
        WeightStorage values = ColumnsStorage.of(type, weights, places).values();
        return new SumStorage(grid, ColumnsStorage.of(values, columns, Arrays.copyOfRange(order, rounded, columns)));
    }

    /** All inputs, the most sensitive first. */
    private static int[] bySensitivity(LinearTask task, Tensor hessian, Options options) {
        int columns = task.columns();
        double[] sensitivity = new double[columns];
        for (int i = 0; i < columns; i++) {
            sensitivity[i] = hessian.array()[i * columns + i];
        }
        if (options.sensitivity == Sensitivity.ERROR) {
            double[][] errors = new double[task.rows()][columns];
            task.backend().parallel(task.rows(), row -> {
                float[] weights = task.weights().array();
                int start = row * columns;
                Grid grid = fit(weights, start, columns, task, options);
                for (int i = 0; i < columns; i++) {
                    errors[row][i] = grid.round(weights[start + i]) - weights[start + i];
                }
            });
            for (int i = 0; i < columns; i++) {
                double sum = 0;
                for (double[] row : errors) {
                    sum += row[i] * row[i];
                }
                sensitivity[i] *= sum; // Eq. 4
            }
        }
        return IntStream.range(0, columns)
                .boxed()
                .sorted(Comparator.comparing(i -> -sensitivity[i]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** The inputs that are rounded, then those that are kept. */
    private static int[] order(int[] descending, int kept, boolean actOrder) {
        IntStream rounded = Arrays.stream(descending).skip(kept);
        return IntStream.concat(
                        actOrder ? rounded : rounded.sorted(),
                        Arrays.stream(descending).limit(kept))
                .toArray();
    }

    private static Grid fit(float[] weights, int offset, int count, LinearTask task, Options options) {
        Grid covering = Grid.fit(weights, offset, count, options.bits, false, task.scaleType());
        if (!options.mse) {
            return covering;
        }
        boolean wholeRow = options.group == -1 || options.group >= task.columns();
        return search(
                weights, offset, count, covering, wholeRow ? SCALES_OF_A_ROW : SCALES_OF_A_GROUP, task.scaleType());
    }

    /** The best of {@code scales} shares of the range with every whole zero point; the first of equals. */
    private static Grid search(float[] weights, int offset, int count, Grid covering, int scales, DataType scaleType) {
        int bits = covering.bits();
        int largestCode = (1 << bits) - 1;
        float minimum = 0;
        float maximum = 0;
        for (int i = offset; i < offset + count; i++) {
            minimum = Math.min(minimum, weights[i]);
            maximum = Math.max(maximum, weights[i]);
        }
        Grid best = covering;
        double least = Double.POSITIVE_INFINITY;
        for (int step = 1; step <= scales && minimum < maximum; step++) {
            double scale = ((double) maximum - minimum) / scales * step / largestCode;
            if (errorWithoutClipping(weights, offset, count, Grid.of(bits, scale, 0, scaleType), least) >= least) {
                continue;
            }
            for (int zeroPoint = 0; zeroPoint <= largestCode; zeroPoint++) {
                Grid grid = Grid.of(bits, scale, zeroPoint, scaleType);
                double error = 0;
                for (int i = offset; i < offset + count && error < least; i++) {
                    error += cost(grid.round(weights[i]) - weights[i]);
                }
                if (error < least) {
                    least = error;
                    best = grid;
                }
            }
        }
        return best;
    }

    /** What no zero point can do better than. */
    private static double errorWithoutClipping(float[] weights, int offset, int count, Grid grid, double enough) {
        double error = 0;
        for (int i = offset; i < offset + count && error < enough; i++) {
            error += cost(grid.scale() * (float) Math.rint(weights[i] / grid.scale()) - weights[i]);
        }
        return error;
    }

    private static double cost(float difference) {
        return Math.pow(Math.abs(difference), 2.4);
    }
}
