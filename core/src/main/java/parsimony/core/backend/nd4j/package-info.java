/** Matrix products by ND4J's OpenBLAS or cuBLAS; the one package of core that knows ND4J. */
package parsimony.core.backend.nd4j;
