package parsimony.core.model;

import parsimony.core.tensor.Tensor;

/** Learned keys and values that precede every text: the seam of prefix and prompt tuning. They stand at the positions −n … −1, where every query sees them. */
public interface KeyValuePrefix {
    /**
     * What precedes the text in one block.
     *
     * @param index the block's place in the stack
     * @param block the block itself
     * @return null where nothing precedes this pass
     */
    KeyValues of(ForwardContext context, int index, LlamaBlock block);

    /**
     * Keys, as rotated as those of a text, and values.
     *
     * @param keys [n, keyValueHeads · headSize]
     * @param values [n, keyValueHeads · headSize]
     */
    record KeyValues(Tensor keys, Tensor values) {}
}
