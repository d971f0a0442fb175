package parsimony.core.model;

import parsimony.core.tensor.Matrix;

/**
 * Some entries of one key/value head, as an attention kernel reads them.
 *
 * @param keys [n, headSize]
 * @param values [n, headSize]
 * @param positions the position in the text of entry i is {@code positions[firstPosition + i]}
 */
public record KeyValueTile(Matrix keys, Matrix values, int[] positions, int firstPosition) {
    public int size() {
        return keys.rows();
    }

    public int position(int entry) {
        return positions[firstPosition + entry];
    }
}
