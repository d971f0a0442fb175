/**
 * Several tokens for one pass of the model: draft models, lookup, Jacobi, Medusa and token trees. A technique here proposes tokens; one
 * shared verifier accepts them so that the output stays what the model alone would have said.
 */
package parsimony.speculative;
