package parsimony.core.backend;

import parsimony.core.tensor.Tensor;

/**
 * softmax(Q · Kᵀ · scale) · V on a device that has queries, keys and values: one kernel for all heads of a sequence. Keys and values of earlier passes lie in tensors
 * that last beyond a pass, to which each pass adds rows; they stand on the device alone.
 */
public interface DeviceAttention {
    /** A tensor [rows, columns] of this device that lasts until it is released, or the backend closed; its numbers are not set. */
    Tensor allocate(int rows, int columns);

    /** Gives back what {@link #allocate} gave. */
    void release(Tensor allocated);

    /** Copies {@code count} rows of {@code from} to the rows of {@code to}, which was allocated here, from {@code toRow} on. */
    void copyRows(Tensor from, int row, int count, Tensor to, int toRow);

    /** Writes {@code count} rows of an allocated tensor to {@code target}. */
    void readRows(Tensor allocated, int row, int count, float[] target);

    /**
     * Writes rows of {@code output}.
     *
     * @param queries [n, heads · headSize]
     * @param keys [entries, keyValueHeads · headSize]
     * @param values as the keys
     * @param output [n, heads · headSize]
     */
    void attend(Heads heads, Rows rows, Tensor queries, Tensor keys, Tensor values, Tensor output);

    /**
     * The same for whole texts that are learned from, whose rows see their text up to themselves.
     *
     * @param output [n, heads · headSize]
     */
    void attendCausally(Heads heads, Texts texts, Tensor queries, Tensor keys, Tensor values, Tensor output);

    /** Adds to the gradients of {@link #attendCausally}. */
    void attendCausallyBackward(
            Heads heads,
            Texts texts,
            Tensor queries,
            Tensor keys,
            Tensor values,
            Tensor dOutput,
            Tensor dQueries,
            Tensor dKeys,
            Tensor dValues);

    /**
     * Query head h reads key/value head h / (heads / keyValueHeads).
     *
     * @param scale what products are multiplied by
     */
    record Heads(int heads, int keyValueHeads, int headSize, float scale) {}

    /**
     * Texts one after the other.
     *
     * @param first row of the first one
     * @param length rows of each
     */
    record Texts(int first, int count, int length) {}

    /**
     * The rows of one sequence and what they see.
     *
     * @param first its first row among queries and output
     * @param count its rows
     * @param firstKey its first entry among keys and values
     * @param keys its entries
     * @param seenByFirst without branches, row r sees the first {@code seenByFirst + r} entries, and none after them
     * @param branches of a token tree [count, entries that are not committed], 1 where a row sees one of the last entries and 0 where not; all see those before. Null without a tree
     */
    record Rows(int first, int count, int firstKey, int keys, int seenByFirst, Tensor branches) {}
}
