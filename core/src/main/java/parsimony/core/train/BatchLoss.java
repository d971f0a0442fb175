package parsimony.core.train;

/** The loss of one update's text, read in as many passes as fit in memory. */
public interface BatchLoss {
    int passes();

    /**
     * Reads the text of one pass. On an open tape its gradients are those of the mean over all passes.
     *
     * @return the mean negative log-likelihood a token, in nats
     */
    double forward(int pass);
}
