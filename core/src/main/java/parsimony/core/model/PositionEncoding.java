package parsimony.core.model;

import parsimony.core.autograd.Ops;

/** How attention knows where a token stands: the seam of the long-context techniques. */
public interface PositionEncoding {
    /** The angles by which queries and keys at these positions are turned. */
    Ops.Rotation rotation(int[] positions);
}
