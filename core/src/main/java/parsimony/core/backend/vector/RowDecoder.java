package parsimony.core.backend.vector;

/**
 * Gives the rows of a matrix as floats, whatever they are stored as. Called from several threads at once; each row is
 * decoded once in a multiplication.
 */
@FunctionalInterface
public interface RowDecoder {
    /** Writes all values of row {@code row} to {@code target}, the first at index {@code offset}. */
    void decodeRow(int row, float[] target, int offset);
}
