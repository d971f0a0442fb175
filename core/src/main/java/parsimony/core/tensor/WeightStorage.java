package parsimony.core.tensor;

import java.util.OptionalLong;

/**
 * A weight matrix [out, in] in the form in which it is kept: floats of some width, packed integers with their scales, a sparse or a low-rank
 * form. What a technique produces is a storage; what a backend multiplies by is a storage it has prepared. {@link #decodeRow} is the
 * definition of the numbers, and all that a new storage must give to work everywhere.
 */
public interface WeightStorage {
    /** Outputs of the layer. */
    int rows();

    /** Inputs of the layer. */
    int columns();

    /** Writes the {@link #columns()} weights of output {@code row} to {@code target} from {@code offset} on. */
    void decodeRow(int row, float[] target, int offset);

    /** One weight; a whole row at once is faster. */
    default float weight(int row, int column) {
        float[] weights = new float[columns()];
        decodeRow(row, weights, 0);
        return weights[column];
    }

    /** Bytes of everything that is kept to decode this matrix: values, scales, zero points, indices. */
    long bytes();

    /** The form in a few characters, such as {@code bf16} or {@code int4 g32}. */
    String format();

    /** Whether zeros here are weights that were pruned, which a later technique must leave at zero. */
    default boolean isSparse() {
        return false;
    }

    /**
     * Whether the input is rounded before it is multiplied, so that {@link #decodeRow} does not tell all of what the layer
     * computes.
     */
    default boolean roundsInput() {
        return false;
    }

    /** How many weights are kept apart from the others, more exactly, where this form does that. */
    default OptionalLong outliers() {
        return OptionalLong.empty();
    }

    default double bitsPerWeight() {
        return 8.0 * bytes() / ((double) rows() * columns());
    }

    /** All weights as 32-bit floats [out, in]. */
    default Tensor decode() {
        Tensor weights = Tensor.zeros(rows(), columns());
        for (int row = 0; row < rows(); row++) {
            decodeRow(row, weights.array(), row * columns());
        }
        return weights;
    }
}
