package parsimony.quantization;

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
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * SpQR, a sparse-quantized representation: very small groups, whose scales and zero points are themselves quantized over 16 rows, and the few weights
 * that would lose most beside them in 16 bits. Otherwise as in {@link Gptq}, with grids fitted to the weights as they are when their group begins.
 *
 * <p>A weight is an outlier if (w − q)² / U_jj² is more than {@code outlierThreshold} times what the variance of all weights would give (Alg. 1). So that
 * outliers do not widen the grid, it is fitted without those weights whose absence makes the error of the rest so much smaller (leave one out).
 *
 * <p>Bits per weight are {@code bits} + (scaleBits + zeroBits) / group + 64 / (group · scaleGroup) + 32 · share of outliers, and 32 bits a row to find
 * them. Where the authors' code gives [−1, 1] to a group in which all numbers are alike, ours keeps that number. A matrix that was pruned keeps its zeros:
 * its zero points are whole numbers of {@code bits} bits within the grid, the code's {@code round_zero}.
 *
 * <p>Try: {@code outlierThreshold=inf} to see what the outliers are worth, and {@code scaleBits=none,zeroBits=none} what the second level saves.
 */
@Paper(survey = 5)
public final class Spqr extends LayerwiseCompressor<Spqr.Options> {
    /**
     * @param bits of one weight, 2 to 8
     * @param group weights of a row that share a scale; −1 for the whole row
     * @param outlierThreshold how much worse than the mean a weight must be to be kept apart; {@code inf} for no outliers
     * @param simplifiedOutliers whether grids are fitted to all weights, outliers among them
     * @param scaleBits of a quantized scale, 2 to 8; {@code none} for 16-bit scales
     * @param zeroBits of a quantized zero point, 2 to 8; {@code none} for 16-bit zero points
     * @param scaleGroup rows whose scales, and whose zero points, are quantized together
     * @param actOrder whether inputs are taken from the largest mean square to the smallest
     * @param blockSize inputs between two updates of all that follow
     * @param damping share of the mean of the Hessian's diagonal that is added to it
     */
    public record Options(
            int bits,
            int group,
            double outlierThreshold,
            boolean simplifiedOutliers,
            Integer scaleBits,
            Integer zeroBits,
            int scaleGroup,
            boolean actOrder,
            int blockSize,
            double damping) {
        public Options {
            RoundToNearest.checkGrid(bits, group);
            ErrorCompensation.checkBlockSize(blockSize);
            DampedHessian.checkDamping(damping);
            if (!(outlierThreshold >= 0)) {
                throw new IllegalArgumentException(
                        "outlierThreshold must be 0 or more, or inf, not " + outlierThreshold);
            }
            checkLevel("scaleBits", scaleBits);
            checkLevel("zeroBits", zeroBits);
            if (scaleGroup < 1) {
                throw new IllegalArgumentException("scaleGroup must be at least 1, not " + scaleGroup);
            }
        }

        private static void checkLevel(String name, Integer bits) {
            if (bits != null && (bits < 2 || bits > 8)) {
                throw new IllegalArgumentException(name + " must be from 2 to 8, or none, not " + bits);
            }
        }
    }

    @Override
    public String name() {
        return "spqr";
    }

    @Override
    public String idea() {
        return "Groups are very small, with scales that are quantized themselves, and the single weights "
                + "that rounding would hurt most stay in 16 bits. The grid need not stretch to cover these, so "
                + "that the others fit in few bits.";
    }

    @Override
    public Options defaults() {
        return new Options(4, 16, 0.2, false, 3, 3, 16, false, 128, 0.01);
    }

    @Override
    public List<String> showcase() {
        return List.of("spqr", "spqr:bits=3");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.HESSIAN;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        Tensor hessian = task.statistics().hessian();
        int[] order = options.actOrder
                ? DampedHessian.descendingOrder(hessian)
                : IntStream.range(0, task.columns()).toArray();
        if (options.actOrder) {
            hessian = DampedHessian.ordered(hessian, order, task.backend());
        }
        DampedHessian damped = DampedHessian.of(hessian, options.damping, task);
        Tensor weights = Gptq.orderedColumns(task.weights(), order, task.backend());
        damped.clearDead(weights, IntUnaryOperator.identity());
        Tensor inverse = damped.inverseFactor();
        Rounding rounding = new Rounding(task, options, order, weights, inverse);
        new ErrorCompensation(weights, inverse, task.backend())
                .run(task.columns(), options.blockSize, options.scaleGroup, rounding);
        return rounding.result();
    }

    /** One matrix on its way. Columns are counted in the order in which they are rounded. */
    private static final class Rounding implements ErrorCompensation.Rule {
        private final LinearTask task;
        private final Options options;
        private final int[] order;
        private final Tensor weights;
        private final float[] diagonal;
        private final int groupSize;
        private final DataType outlierType;
        private final double threshold;
        private final byte[] codes;
        private final ScaleLevel scales;
        private final ScaleLevel zeroPoints;
        private final Tensor outliers;

        Rounding(LinearTask task, Options options, int[] order, Tensor weights, Tensor inverse) {
            this.task = task;
            this.options = options;
            this.order = order;
            this.weights = weights;
            int columns = order.length;
            diagonal = new float[columns];
            for (int i = 0; i < columns; i++) {
                diagonal[i] = inverse.array()[i * columns + i];
            }
            groupSize = options.group == -1 ? columns : Math.min(options.group, columns);
            outlierType = Outliers.type(task.scaleType(), weights);
            threshold = options.outlierThreshold == Double.POSITIVE_INFINITY
                    ? Double.POSITIVE_INFINITY
                    : options.outlierThreshold * meanError();
            codes = new byte[weights.size()];
            int groups = Math.ceilDiv(columns, groupSize);
            int rows = task.rows();
            scales = new ScaleLevel(groups, rows, options.scaleBits, options.scaleGroup, task.scaleType());
            zeroPoints = task.zeros() == null
                    ? new ScaleLevel(groups, rows, options.zeroBits, options.scaleGroup, task.scaleType())
                    : ScaleLevel.ofCodes(groups, rows, options.bits);
            outliers = weights.zerosLike();
        }

        /** The mean over all inputs of var(W_j) / U_jj². */
        private double meanError() {
            int columns = order.length;
            int rows = task.rows();
            double total = 0;
            for (int j = 0; j < columns; j++) {
                double sum = 0;
                double squares = 0;
                for (int row = 0; row < rows; row++) {
                    double weight = weights.array()[row * columns + j];
                    sum += weight;
                    squares += weight * weight;
                }
                // One number alone has no variance; its square is of the right size.
                double variance = rows == 1 ? squares : (squares - sum * sum / rows) / (rows - 1);
                total += variance / ((double) diagonal[j] * diagonal[j]);
            }
            return total / columns;
        }

        @Override
        public void beginColumn(int column, int firstRow, int endRow) {
            if (column % groupSize != 0) {
                return;
            }
            int count = Math.min(groupSize, order.length - column);
            float[] bandScales = new float[endRow - firstRow];
            float[] bandZeroPoints = new float[endRow - firstRow];
            for (int row = firstRow; row < endRow; row++) {
                float[] members = new float[count];
                for (int i = 0; i < count; i++) {
                    members[i] =
                            task.isZero(row, order[column + i]) ? 0 : weights.array()[row * order.length + column + i];
                }
                if (threshold != Double.POSITIVE_INFINITY && !options.simplifiedOutliers) {
                    replaceLikelyOutliers(members, column);
                }
                ScaleLevel.Line line = task.zeros() == null
                        ? ScaleLevel.Line.covering(members, -1, options.bits)
                        : ScaleLevel.Line.containingZero(members, options.bits);
                // A float that is kept must be a positive number; what is quantized further is as it is.
                bandScales[row - firstRow] =
                        options.scaleBits == null ? task.scaleType().roundPositive(line.scale()) : line.scale();
                bandZeroPoints[row - firstRow] = line.zeroPoint();
            }
            scales.set(column / groupSize, firstRow, bandScales);
            zeroPoints.set(column / groupSize, firstRow, bandZeroPoints);
        }

        /** Puts the mean of the others in place of each weight without which the others are rounded so much better. */
        private void replaceLikelyOutliers(float[] members, int column) {
            double all = error(members, -1, column);
            boolean[] likely = new boolean[members.length];
            double sum = 0;
            int others = 0;
            for (int i = 0; i < members.length; i++) {
                likely[i] = members.length > 1 && all - error(members, i, column) > threshold;
                sum += likely[i] ? 0 : members[i];
                others += likely[i] ? 0 : 1;
            }
            for (int i = 0; i < members.length; i++) {
                if (likely[i]) {
                    members[i] = (float) (sum / Math.max(1, others));
                }
            }
        }

        /** Σ (w − q)² / U_jj² over a group without one of its members, on the grid that covers the rest. */
        private double error(float[] members, int skipped, int column) {
            ScaleLevel.Line line = ScaleLevel.Line.covering(members, skipped, options.bits);
            double sum = 0;
            for (int i = 0; i < members.length; i++) {
                if (i != skipped) {
                    double error =
                            (line.value(line.code(members[i], options.bits)) - members[i]) / diagonal[column + i];
                    sum += error * error;
                }
            }
            return sum;
        }

        @Override
        public float replace(int row, int column, float weight) {
            int group = column / groupSize;
            ScaleLevel.Line line = new ScaleLevel.Line(scales.get(group, row), zeroPoints.get(group, row));
            int input = order[column];
            boolean zero = task.isZero(row, input);
            int code = zero ? (int) line.zeroPoint() : line.code(weight, options.bits);
            codes[row * order.length + column] = (byte) code;
            float value = line.value(code);
            double error = (weight - value) / diagonal[column];
            if (!zero && error * error > threshold) {
                float difference = outlierType.round(weight - value);
                outliers.array()[row * order.length + input] = difference;
                return value + difference;
            }
            return value;
        }

        WeightStorage result() {
            WeightStorage grid = NestedGridStorage.of(
                    order.length, options.bits, groupSize, codes, scales.storage(), zeroPoints.storage());
            if (options.actOrder) {
                grid = ColumnsStorage.of(grid, order.length, order);
            }
            return threshold == Double.POSITIVE_INFINITY
                    ? grid
                    : new SumStorage(grid, SparseStorage.of(outlierType, outliers));
        }
    }
}
