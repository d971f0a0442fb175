package parsimony.core.tensor;

import java.util.OptionalLong;

/**
 * A matrix kept with its inputs in another order, so that inputs far apart share a group: column {@code order[i]} of this matrix is column i
 * of the one that is kept. To multiply, the inputs are brought into that order first.
 *
 * @param permuted the columns as they are kept
 * @param order the column here of each column there, as unsigned numbers
 */
public record PermutedColumns(WeightStorage permuted, short[] order) implements WeightStorage {
    public PermutedColumns {
        if (order.length != permuted.columns()) {
            throw new IllegalArgumentException(
                    "an order of " + order.length + " inputs for a matrix that has " + permuted.columns());
        }
    }

    /** As above, of at most 65536 inputs. */
    public static PermutedColumns of(WeightStorage permuted, int[] order) {
        if (order.length > 1 << Short.SIZE) {
            throw new IllegalArgumentException("more than 65536 inputs cannot be kept in another order");
        }
        short[] shorts = new short[order.length];
        for (int i = 0; i < shorts.length; i++) {
            shorts[i] = (short) order[i];
        }
        return new PermutedColumns(permuted, shorts);
    }

    @Override
    public int rows() {
        return permuted.rows();
    }

    @Override
    public int columns() {
        return permuted.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        float[] weights = new float[order.length];
        permuted.decodeRow(row, weights, 0);
        for (int i = 0; i < weights.length; i++) {
            target[offset + Short.toUnsignedInt(order[i])] = weights[i];
        }
    }

    @Override
    public long bytes() {
        return permuted.bytes() + (long) Short.BYTES * order.length;
    }

    @Override
    public String format() {
        return permuted.format() + " permuted";
    }

    @Override
    public boolean isSparse() {
        return permuted.isSparse();
    }

    @Override
    public OptionalLong outliers() {
        return permuted.outliers();
    }
}
