package parsimony.benchmarks.compare;

/**
 * One row: a technique applied to a copy of the model.
 *
 * @param technique the specification, such as {@code rtn:bits=4,group=32}
 * @param name the technique's name, by which rows form a series
 * @param title the paper's title; empty if there is none
 * @param bitsPerWeight of the matrices that techniques apply to, all metadata counted
 * @param modelBitsPerWeight of the whole model, embeddings and all
 * @param diskBytes of the model as a file
 * @param memoryBytes of the model in memory, with what the backend keeps beside it
 * @param peakBytes the most memory that was held while this row was made and measured
 * @param quality on the held-out text
 * @param prefillTokensPerSecond reading a prompt
 * @param decodeTokensPerSecond writing one token at a time
 * @param prefillRatio to the dense 32-bit model, measured in turn with it
 * @param decodeRatio to the dense 32-bit model, measured in turn with it
 * @param applySeconds to make this row's model
 * @param backend what computed
 */
public record Measurement(
        String technique,
        String name,
        String title,
        double bitsPerWeight,
        double modelBitsPerWeight,
        long diskBytes,
        long memoryBytes,
        PeakMemory peakBytes,
        Quality quality,
        double prefillTokensPerSecond,
        double decodeTokensPerSecond,
        double prefillRatio,
        double decodeRatio,
        double applySeconds,
        String backend) {
    /**
     * @param bitsPerByte of held-out text
     * @param change bits per byte above the dense model's
     * @param perplexity a token
     * @param divergence Kullback–Leibler divergence from the dense model, nats a token
     * @param agreement part of the tokens at which both models think the same token the likeliest
     */
    public record Quality(double bitsPerByte, double change, double perplexity, double divergence, double agreement) {
        /** {@link #change} as a part of the dense model's bits per byte. */
        public double relativeChange() {
            return change / (bitsPerByte - change);
        }
    }

    /**
     * @param heap bytes on the Java heap
     * @param arenas bytes of native memory that was allocated
     * @param mapped bytes of files mapped into memory
     */
    public record PeakMemory(long heap, long arenas, long mapped) {
        public long total() {
            return heap + arenas + mapped;
        }
    }
}
