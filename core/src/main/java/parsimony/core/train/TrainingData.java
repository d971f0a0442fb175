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
}
