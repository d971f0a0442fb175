/** SIMD in pure Java: the Vector API, on all cores. */
package parsimony.core.backend.vector;
