/** The arithmetic of a forward and a backward pass, in several implementations behind one interface. */
package parsimony.core.backend;
