package parsimony.quantization;

import parsimony.core.technique.ErrorCompensation;
import parsimony.core.technique.LinearTask;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;

/** Replaces weights by the nearest points of their groups' grids, which are fitted beforehand or as the blocks of inputs begin. */
final class GroupRounding implements ErrorCompensation.Rule {
    /** Finds the grid of a group of weights. */
    interface Fitter {
        Grid fit(float[] weights, int offset, int count);
    }

    private final LinearTask task;
    private final GridStorage.Builder result;
    private final int columns;
    private final int[] order;
    private final boolean keepsOrder;
    private final Fitter fitter;
    private final Grid[] grids;
    private Tensor followed;

    /**
     * @param result receives grids and codes
     * @param columns of {@code result}, those that are rounded
     * @param order the input that is rounded at each place
     * @param keepsOrder whether {@code result} has its columns in that order rather than in that of the inputs
     */
    GroupRounding(
            LinearTask task, GridStorage.Builder result, int columns, int[] order, boolean keepsOrder, Fitter fitter) {
        this.task = task;
        this.result = result;
        this.columns = columns;
        this.order = order;
        this.keepsOrder = keepsOrder;
        this.fitter = fitter;
        grids = new Grid[task.rows() * result.groups()];
    }

    /** Fits all grids to {@code weights} [out, at least columns], whose columns are in the order of the result. */
    void fitAll(Tensor weights) {
        for (int group = 0; group < result.groups(); group++) {
            fit(weights, group);
        }
    }

    /** From now on fits each group to what {@code weights}, in the order of the result, are when the block begins in which it begins. */
    void fitAsBlocksBegin(Tensor weights) {
        followed = weights;
    }

    @Override
    public void beginBlock(int first, int end) {
        if (followed != null) {
            int groupSize = result.groupSize();
            for (int group = Math.ceilDiv(first, groupSize); group * groupSize < Math.min(end, columns); group++) {
                fit(followed, group);
            }
        }
    }

    private void fit(Tensor weights, int group) {
        int first = group * result.groupSize();
        int count = Math.min(result.groupSize(), columns - first);
        task.backend().parallel(task.rows(), row -> {
            float[] members = new float[count];
            for (int i = 0; i < count; i++) {
                members[i] = isZero(row, first + i) ? 0 : weights.array()[row * weights.columns() + first + i];
            }
            Grid grid = fitter.fit(members, 0, count);
            grids[row * result.groups() + group] = grid;
            result.setGrid(row, group, grid);
        });
    }

    private boolean isZero(int row, int column) {
        return task.isZero(row, keepsOrder ? order[column] : column);
    }

    @Override
    public float replace(int row, int place, float weight) {
        int column = keepsOrder ? place : order[place];
        Grid grid = grids[row * result.groups() + result.groupOf(column)];
        int code = isZero(row, column) ? grid.zeroPoint() : grid.code(weight);
        result.setCode(row, column, code);
        return grid.value(code);
    }
}
