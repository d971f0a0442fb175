package parsimony.core.train;

/** Sequences of tokens by number, the same ones at every call, so that training can be taken up where it stopped. */
@FunctionalInterface
public interface TrainingData {
    /**
     * Reads sequence {@code sequence}; there is no last one.
     *
     * @param inputs takes {@code context} tokens
     * @param targets takes the token that follows each of them, −1 where none is to be predicted
     */
    void read(long sequence, int context, int[] inputs, int[] targets);

    /**
     * Reads neighbouring sequences.
     *
     * @param first the first one's number
     */
    default Batch batch(long first, int sequences, int context) {
        int[] inputs = new int[sequences * context];
        int[] targets = new int[sequences * context];
        int[] input = new int[context];
        int[] target = new int[context];
        for (int i = 0; i < sequences; i++) {
            read(first + i, context, input, target);
            System.arraycopy(input, 0, inputs, i * context, context);
            System.arraycopy(target, 0, targets, i * context, context);
        }
        return new Batch(inputs, targets);
    }

    /** Sequences one after the other, as {@link #read} gives them. */
    record Batch(int[] inputs, int[] targets) {}
}
