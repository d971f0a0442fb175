package parsimony.core.model;

import java.util.Arrays;
import java.util.List;
import parsimony.core.tensor.Matrix;

/**
 * The keys and values of one block for one sequence: the seam of the cache techniques.
 *
 * <p>A forward pass appends its rows as tentative entries, asks for the tiles of every head, and, where the cache observes attention, says how its queries attended. What is
 * kept for good is decided on {@link #commit}; there alone may a cache drop entries of earlier passes, so that {@link #rollback} can restore what was.
 */
public interface KvCache extends SequenceState {
    /**
     * Adds tentative entries.
     *
     * @param keys [n, keyValueHeads · headSize], rotated unless the cache {@link #rotatesWhenRead}
     * @param values [n, keyValueHeads · headSize]
     * @param positions entry i stands at {@code positions[first + i]} of the text
     */
    void append(Matrix keys, Matrix values, int[] positions, int first);

    /** The entries of a head that are to be seen, tentative ones last; heads may hold different ones. */
    List<KeyValueTile> tiles(int keyValueHead);

    /**
     * Older entries of a head, before those of {@link #tiles}, that are kept in another form and decoded as they are read, so that no more of them exist as floats than a core's own
     * cache holds. Several threads may read several heads at once. A cache that observes attention or rotates keys when they are read has none.
     *
     * @return tiles each of which is valid until the next one is asked for
     */
    default Iterable<KeyValueTile> decodedTiles(int keyValueHead) {
        return List.of();
    }

    /** Whether keys are kept as they are before rotation; whoever reads them turns them by {@link #placesWhenRead}. */
    default boolean rotatesWhenRead() {
        return false;
    }

    /**
     * Where the entries of {@link #tiles}, one after the other, stand for the position encoding. The queries of a pass stand where their own keys do, which is the same in all
     * heads.
     *
     * @throws UnsupportedOperationException if keys are kept rotated
     */
    default int[] placesWhenRead(int keyValueHead) {
        throw new UnsupportedOperationException("keys are kept rotated");
    }

    /** Whether {@link #attended} is to be called after every pass. */
    default boolean observesAttention() {
        return false;
    }

    /**
     * Is told how the rows that were appended last attended to the entries. The probabilities are computed when they are asked for, which a cache does on commit, for the rows
     * that are kept.
     */
    default void attended(AttentionMass mass) {}

    /**
     * Checks what {@link #commit} is given.
     *
     * @throws IllegalArgumentException if the indices do not ascend within the tentative entries
     */
    static void checkKept(int[] kept, int tentative) {
        for (int i = 0; i < kept.length; i++) {
            if (kept[i] >= tentative || kept[i] < (i == 0 ? 0 : kept[i - 1] + 1)) {
                throw new IllegalArgumentException("entries to keep must ascend within the " + tentative
                        + " tentative ones, not " + Arrays.toString(kept));
            }
        }
    }

    /** Makes a block's empty cache for a new sequence. */
    @FunctionalInterface
    interface Factory {
        KvCache create(int keyValueHeads, int headSize);
    }
}
