package parsimony.core.model;

import parsimony.core.tensor.Matrix;

/**
 * Some entries of one key/value head, as an attention kernel reads them.
 *
 * @param keys [n, headSize]
 * @param values [n, headSize]
 * @param positions the position in the text of entry i is {@code positions[firstPosition + i]}
 * @param firstRow which of the tentative entries, counted from 0, the first entry is; less than 0 where committed ones come first
 */
public record KeyValueTile(Matrix keys, Matrix values, int[] positions, int firstPosition, int firstRow) {
    /** A tile whose entries are all tentative, as those of a text that is not remembered. */
    public KeyValueTile(Matrix keys, Matrix values, int[] positions, int firstPosition) {
        this(keys, values, positions, firstPosition, 0);
    }

    public int size() {
        return keys.rows();
    }

    public int position(int entry) {
        return positions[firstPosition + entry];
    }

    /**
     * Which of the rows since the last commit an entry is, counted from 0; less than 0 for a committed one. Positions do not tell the branches of a token tree apart, rows do.
     */
    public int row(int entry) {
        return firstRow + entry;
    }
}
