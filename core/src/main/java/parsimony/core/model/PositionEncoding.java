package parsimony.core.model;

import parsimony.core.autograd.Ops;

/** How attention knows where a token stands: the seam of the long-context techniques. */
public interface PositionEncoding {
    /** The angles by which queries and keys at these positions are turned. */
    Ops.Rotation rotation(int[] positions);

    /**
     * The same for encodings whose angles depend on how long the text has grown.
     *
     * @param lengths of each row's text: one more than the last position that its sequence reaches in this pass
     */
    default Ops.Rotation rotation(int[] positions, int[] lengths) {
        return rotation(positions);
    }

    /** What a score loses with each position between query and key, for query head {@code head} of {@code heads}. */
    default float slope(int head, int heads) {
        return 0;
    }
}
