/**
 * Fewer weights: single ones (magnitude, Wanda, SparseGPT, freely or n of every m), whole heads and channels (LLM-Pruner), or the rank of a matrix (SVD).
 * A technique here decides what goes; the sparse and low-rank storages live in {@code core}.
 */
package parsimony.pruning;
