package parsimony.core.model;

import java.util.List;
import parsimony.core.tensor.Matrix;

/** The keys and values of one block for one sequence: the seam of the cache techniques. */
public interface KvCache extends SequenceState {
    /**
     * Adds tentative entries.
     *
     * @param keys [n, keyValueHeads · headSize], already rotated
     * @param values [n, keyValueHeads · headSize]
     * @param positions entry i stands at {@code positions[first + i]} of the text
     */
    void append(Matrix keys, Matrix values, int[] positions, int first);

    /** All entries of a head, tentative ones last; heads may hold different ones. */
    List<KeyValueTile> tiles(int keyValueHead);

    /** Makes a block's empty cache for a new sequence. */
    @FunctionalInterface
    interface Factory {
        KvCache create(int keyValueHeads, int headSize);
    }
}
