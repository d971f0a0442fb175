/** Plain loops: the textbook, and the oracle of the other backends. */
package parsimony.core.backend.scalar;
