/** Microbenchmarks, one question each; {@code parsimony jmh} runs them. */
package parsimony.benchmarks.jmh;
