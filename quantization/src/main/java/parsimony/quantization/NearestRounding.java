package parsimony.quantization;

import parsimony.core.backend.Backend;
import parsimony.core.technique.LinearTask;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;

/** Every weight as the nearest point of its group's grid. */
final class NearestRounding {
    private NearestRounding() {}

    /**
     * The weights of a matrix, packed.
     *
     * @param group weights of a row that share a grid; −1 for whole rows
     * @param symmetric whether {@code fitter} has 0 at code 2^(bits − 1) always, so that no zero points are kept
     */
    static GridStorage pack(LinearTask task, int bits, int group, boolean symmetric, GroupRounding.Fitter fitter) {
        int columns = task.columns();
        float[] weights = task.weights().array();
        GridStorage.Builder result =
                new GridStorage.Builder(task.rows(), columns, bits, group, symmetric, task.scaleType());
        task.backend().parallel(task.rows(), row -> {
            for (int index = 0; index < result.groups(); index++) {
                int first = index * result.groupSize();
                int end = Math.min(first + result.groupSize(), columns);
                Grid grid = fitter.fit(weights, row * columns + first, end - first);
                result.setGrid(row, index, grid);
                for (int column = first; column < end; column++) {
                    result.setCode(row, column, grid.code(weights[row * columns + column]));
                }
            }
        });
        return result.build();
    }

    /**
     * What {@link #pack} and decoding leave of the weights if their columns are multiplied by {@code scales} [in] before and divided by them afterwards,
     * in place.
     */
    static void round(Tensor weights, float[] scales, int group, Backend backend, GroupRounding.Fitter fitter) {
        int columns = weights.columns();
        int groupSize = group == -1 ? columns : Math.min(group, columns);
        float[] numbers = weights.array();
        backend.parallel(weights.rows(), row -> {
            int start = row * columns;
            for (int first = 0; first < columns; first += groupSize) {
                int end = Math.min(first + groupSize, columns);
                for (int i = first; i < end; i++) {
                    numbers[start + i] *= scales[i];
                }
                Grid grid = fitter.fit(numbers, start + first, end - first);
                for (int i = first; i < end; i++) {
                    numbers[start + i] = grid.round(numbers[start + i]) / scales[i];
                }
            }
        });
    }
}
