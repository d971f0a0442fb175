package parsimony.core.train;

import java.util.Map;
import parsimony.core.tensor.Tensor;

/** Makes parameters follow the loss: the seam of the optimizers that need less memory. */
public interface Optimizer {
    /**
     * Makes one update.
     *
     * @param step updates that were made before
     * @param learningRate of this one
     */
    Update update(BatchLoss loss, int step, double learningRate);

    /** What it remembers between updates, under names of its own: it is kept in checkpoints and restored in place. */
    Map<String, Tensor> state();

    /**
     * What an update found and took.
     *
     * @param loss mean negative log-likelihood a token, in nats, before it
     * @param gradientNorm Euclidean, of all parameters together, before clipping
     * @param gradientBytes of parameters' gradients, the most that was held at a time
     * @param activationBytes kept for the backward pass, the most at a time
     */
    record Update(double loss, double gradientNorm, long gradientBytes, long activationBytes) {}
}
