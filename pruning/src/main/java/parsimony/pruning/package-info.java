/**
 * Fewer weights: magnitude, Wanda, SparseGPT (unstructured and n:m), LLM-Pruner and low rank. A technique here decides which weights
 * of a matrix, or which rows and columns of a group of matrices, are dropped; the sparse and low-rank storages live in {@code core}.
 */
package parsimony.pruning;
