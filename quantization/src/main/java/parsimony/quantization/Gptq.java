package parsimony.quantization;

import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.backend.Backend;
import parsimony.core.technique.DampedHessian;
import parsimony.core.technique.ErrorCompensation;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * GPTQ: rounds the weights of a row one input after the other, and after each lets those still to come make good the error in the outputs, as far as
 * the inputs are correlated. It minimizes ‖XWᵀ − XQᵀ‖² greedily, with the inverse of the Hessian H = 2 Σ x xᵀ telling what helps.
 *
 * <p>As in the authors' code, a group's grid is fitted to its weights as they stand when the block begins in which it begins, so that {@code blockSize}
 * changes the result where groups are smaller; a whole row's grid is fitted before anything is changed. {@link Grid} tells of the one deviation, in
 * symmetric grids of rows without negative weights. Weights that an earlier technique pruned stay zero: they get the code of zero, the error of that is
 * made good like any other, and a grid is fitted to the others and zero.
 *
 * <p>Try: {@code bits=3,group=32} beside {@code rtn:bits=3,group=32}; and {@code actOrder=true}, which rounds the inputs of the most energy first, while
 * all others can still help, at the price of an order to be kept unless {@code staticGroups=true}.
 */
@Paper(survey = 1)
public final class Gptq extends LayerwiseCompressor<Gptq.Options> {
    /**
     * @param bits of one weight, 2 to 8
     * @param group weights of a row that share a scale; −1 for the whole row
     * @param symmetric whether 0 is the middle of the grid, so that no zero points are kept
     * @param actOrder whether inputs are taken from the largest mean square to the smallest
     * @param staticGroups whether all grids are fitted before anything is rounded, to neighbours in the matrix whatever the order
     * @param mse whether a grid may clip, so that Σ |w − q|^2.4 is least
     * @param blockSize inputs between two updates of all that follow
     * @param damping share of the mean of the Hessian's diagonal that is added to it
     */
    public record Options(
            int bits,
            int group,
            boolean symmetric,
            boolean actOrder,
            boolean staticGroups,
            boolean mse,
            int blockSize,
            double damping) {
        public Options {
            RoundToNearest.checkGrid(bits, group);
            ErrorCompensation.checkBlockSize(blockSize);
            DampedHessian.checkDamping(damping);
        }
    }

    @Override
    public String name() {
        return "gptq";
    }

    @Override
    public String idea() {
        return "Weights are rounded one input after the other, and those still to come are shifted to make "
                + "good the error so far. Errors that cancel in the outputs allow fewer bits for the same "
                + "quality than rounding each weight alone.";
    }

    @Override
    public Options defaults() {
        return new Options(4, -1, false, false, false, false, 128, 0.01);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "gptq:bits=4,group=32",
                "gptq:bits=3,group=32",
                "gptq:bits=2,group=32",
                "gptq:bits=3,group=32,actOrder=true");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.HESSIAN;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        int columns = task.columns();
        Tensor hessian = task.statistics().hessian();
        Tensor weights = task.weights();
        GridStorage.Builder result = new GridStorage.Builder(
                task.rows(), columns, options.bits, options.group, options.symmetric, task.scaleType());
        boolean wholeRows = result.groups() == 1;
        boolean groupsFollowOrder = options.actOrder && !options.staticGroups && !wholeRows;
        int[] order = options.actOrder
                ? DampedHessian.descendingOrder(hessian)
                : IntStream.range(0, columns).toArray();
        GroupRounding rounding = new GroupRounding(
                task,
                result,
                columns,
                order,
                groupsFollowOrder,
                (w, offset, count) -> fit(w, offset, count, task, options));
        if (wholeRows) {
            rounding.fitAll(weights);
        }
        DampedHessian damped = DampedHessian.of(
                options.actOrder ? DampedHessian.ordered(hessian, order, task.backend()) : hessian,
                options.damping,
                task);
        damped.clearDead(weights, place -> order[place]);
        if (options.staticGroups && !wholeRows) {
            rounding.fitAll(weights);
        }
        Tensor ordered = options.actOrder ? orderedColumns(weights, order, task.backend()) : weights;
        if (!options.staticGroups && !wholeRows) {
            rounding.fitAsBlocksBegin(ordered);
        }
        new ErrorCompensation(ordered, damped.inverseFactor(), task.backend())
                .run(columns, options.blockSize, 1, rounding);
        return groupsFollowOrder ? ColumnsStorage.of(result.build(), columns, order) : result.build();
    }

    private static Grid fit(float[] weights, int offset, int count, LinearTask task, Options options) {
        return options.mse
                ? Grid.fitLeastError(weights, offset, count, options.bits, options.symmetric, task.scaleType())
                : Grid.fit(weights, offset, count, options.bits, options.symmetric, task.scaleType());
    }

    /** A copy whose column i is column {@code order[i]} of {@code weights}. */
    static Tensor orderedColumns(Tensor weights, int[] order, Backend backend) {
        Tensor result = weights.zerosLike();
        int columns = order.length;
        backend.parallel(weights.rows(), row -> {
            for (int i = 0; i < columns; i++) {
                result.array()[row * columns + i] = weights.array()[row * columns + order[i]];
            }
        });
        return result;
    }
}
