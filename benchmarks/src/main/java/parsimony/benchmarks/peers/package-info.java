/** Other people's libraries, called in the way that serves them best, for the benchmarks to compare with. */
package parsimony.benchmarks.peers;
