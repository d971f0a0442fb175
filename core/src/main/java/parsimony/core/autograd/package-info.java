/** Gradients: ops that record their backward step while a tape is open. */
package parsimony.core.autograd;
