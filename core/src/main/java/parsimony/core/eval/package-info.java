/** How good a model is, in bits per byte of held-out text, and how fast. */
package parsimony.core.eval;
