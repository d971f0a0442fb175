package parsimony.core.io;

import java.nio.file.Path;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** In which form a matrix is kept, seen through a reordering of its rows. */
final class StoredForm {
    private StoredForm() {}

    /** The number format of a matrix of plain numbers; null for any other. */
    static DataType dataType(WeightStorage matrix) {
        return switch (matrix) {
            case DenseStorage dense -> dense.type();
            case TensorStorage _ -> DataType.F32;
            case PermutedRows permuted -> dataType(permuted.source());
            default -> null;
        };
    }

    /** The format of a matrix in GGUF's blocks; null for any other. */
    static GgufType blockType(WeightStorage matrix) {
        return switch (matrix) {
            case BlockStorage blocks -> GgufType.valueOf(blocks.blocks().name());
            case PermutedRows permuted -> blockType(permuted.source());
            default -> null;
        };
    }

    /** A matrix as a folder can keep it packed, its rows put in order; null for any other. */
    static WeightStorage packed(WeightStorage matrix) {
        WeightStorage inOrder = matrix instanceof PermutedRows ? grid(matrix) : matrix;
        return inOrder != null && PackedTensors.canHold(inOrder) ? inOrder : null;
    }

    /** A matrix of integer grids, its rows put in order; null for any other. */
    static GridStorage grid(WeightStorage matrix) {
        return switch (matrix) {
            case GridStorage grid -> grid;
            case PermutedRows permuted when permuted.source() instanceof GridStorage grid -> reordered(grid, permuted);
            default -> null;
        };
    }

    private static GridStorage reordered(GridStorage grid, PermutedRows order) {
        GridStorage.Builder result = new GridStorage.Builder(
                grid.rows(), grid.columns(), grid.bits(), grid.groupSize(), grid.symmetric(), grid.scaleType());
        byte[] codes = new byte[grid.columns()];
        for (int row = 0; row < grid.rows(); row++) {
            int source = order.sourceRow(row);
            grid.readCodes(source, codes, 0);
            for (int column = 0; column < codes.length; column++) {
                result.setCode(row, column, codes[column]);
            }
            for (int group = 0; group < grid.groups(); group++) {
                float scale = grid.scale(source, group);
                result.setGrid(row, group, new Grid(grid.bits(), scale, grid.zeroPoint(source, group)));
            }
        }
        return result.build();
    }

    /** The refusal of a matrix that {@code file}'s format has no packed form for. */
    static ModelFormatException unpackable(Path file, String name, WeightStorage matrix) {
        return new ModelFormatException(
                file,
                -1,
                "this format has no packed form for " + name + " (" + matrix.format()
                        + "); --type f16 writes such matrices as plain numbers");
    }
}
