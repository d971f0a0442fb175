package parsimony.core.technique;

/** What a technique wants to know of the inputs x of a layer: no more than this is computed and held. */
public enum Statistic {
    /** Nothing: no calibration text is run. */
    NONE,
    /** max |x| of each input. */
    ABSOLUTE_MAXIMUM,
    /** mean |x| of each input. */
    MEAN_ABSOLUTE,
    /** Σ x² of each input, which is the diagonal of Σ x xᵀ. */
    SQUARED_NORM,
    /** 2 Σ x xᵀ, the Hessian of ‖XWᵀ − XQᵀ‖² in each row of Q. */
    HESSIAN,
    /** The inputs themselves. */
    INPUTS
}
