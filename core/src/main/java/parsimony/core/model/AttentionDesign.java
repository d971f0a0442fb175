package parsimony.core.model;

/**
 * The parts of a block's attention that a technique may exchange; its matrices are {@link Linear}s of the block.
 *
 * @param kernel computes softmax(Q · Kᵀ) · V
 * @param positions turns queries and keys by their places in the text, or biases their products
 * @param cache remembers keys and values between forward passes; a {@link RecurrentKernel} keeps its own state instead
 */
public record AttentionDesign(AttentionKernel kernel, PositionEncoding positions, KvCache.Factory cache) {
    public AttentionDesign withKernel(AttentionKernel other) {
        return new AttentionDesign(other, positions, cache);
    }

    public AttentionDesign withPositions(PositionEncoding other) {
        return new AttentionDesign(kernel, other, cache);
    }

    public AttentionDesign withCache(KvCache.Factory other) {
        return new AttentionDesign(kernel, positions, other);
    }

    KvCache newState(int keyValueHeads, int headSize) {
        return kernel instanceof RecurrentKernel recurrent
                ? recurrent.newState(keyValueHeads, headSize)
                : cache.create(keyValueHeads, headSize);
    }
}
