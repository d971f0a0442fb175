package parsimony.core.model;

/**
 * The shape of a Llama-family transformer.
 *
 * @param vocabularySize tokens
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width of the feed-forward layer
 * @param layers blocks
 * @param heads query heads
 * @param keyValueHeads key/value heads; divides {@code heads}
 * @param headSize numbers a head, even
 * @param contextLength positions that the model was trained on
 * @param normEpsilon added under RMSNorm's root
 * @param rope the rotary embedding
 * @param tiedEmbeddings whether the output matrix is the embedding matrix
 * @param projectionBias whether q, k and v have biases (Qwen2)
 * @param beginOfSequence the token that starts every text, or −1
 * @param endOfSequence the token that ends a text, or −1
 */
public record TransformerConfig(
        int vocabularySize,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int headSize,
        int contextLength,
        float normEpsilon,
        RopeConfig rope,
        boolean tiedEmbeddings,
        boolean projectionBias,
        int beginOfSequence,
        int endOfSequence) {
    public TransformerConfig {
        positive(vocabularySize, "vocabularySize");
        positive(hiddenSize, "hiddenSize");
        positive(intermediateSize, "intermediateSize");
        positive(layers, "layers");
        positive(heads, "heads");
        positive(keyValueHeads, "keyValueHeads");
        positive(headSize, "headSize");
        positive(contextLength, "contextLength");
        if (heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(
                    keyValueHeads + " key/value heads do not divide " + heads + " query heads");
        }
        if (headSize % 2 != 0) {
            throw new IllegalArgumentException("rotary embedding needs an even head size, not " + headSize);
        }
    }

    private static void positive(int value, String name) {
        if (value <= 0) {
            throw new IllegalArgumentException(name + " must be positive, not " + value);
        }
    }

    /** Numbers in all matrices and vectors, the shared embedding counted once. */
    public long parameters() {
        long attention = (long) hiddenSize * headSize * (2L * heads + 2L * keyValueHeads);
        long biases = projectionBias ? (long) headSize * (heads + 2L * keyValueHeads) : 0;
        long feedForward = 3L * hiddenSize * intermediateSize;
        long embeddings = (long) vocabularySize * hiddenSize * (tiedEmbeddings ? 1 : 2);
        return embeddings + layers * (attention + biases + feedForward + 2L * hiddenSize) + hiddenSize;
    }

    /**
     * @param theta base of the frequencies
     * @param interleaved pairs (2i, 2i + 1) if true, (i, i + headSize / 2) if false
     * @param scaling Llama 3's stretching of low frequencies, or null
     */
    public record RopeConfig(double theta, boolean interleaved, Llama3Scaling scaling) {
        /** The encoding for heads of {@code headSize} numbers. */
        public Rope encoding(int headSize) {
            double[] frequencies = Rope.inverseFrequencies(headSize, theta);
            if (scaling != null) {
                scaling.apply(frequencies);
            }
            return new Rope(frequencies, 1, interleaved);
        }
    }

    /**
     * Llama 3.1's rule: wavelengths beyond {@code originalContext / lowFrequencyFactor} are stretched by {@code factor}, those below {@code
     * originalContext / highFrequencyFactor} stay, and between the two the stretch is interpolated.
     */
    public record Llama3Scaling(
            double factor, double lowFrequencyFactor, double highFrequencyFactor, int originalContext) {
        /** Stretches the inverse frequencies in place. */
        public void apply(double[] frequencies) {
            for (int i = 0; i < frequencies.length; i++) {
                double turns = originalContext * frequencies[i] / (2 * Math.PI);
                double smooth = (turns - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
                double kept = Math.clamp(smooth, 0.0, 1.0);
                frequencies[i] = frequencies[i] * (kept + (1 - kept) / factor);
            }
        }
    }
}
