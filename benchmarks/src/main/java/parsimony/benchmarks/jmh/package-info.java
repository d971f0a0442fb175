/** Microbenchmarks, one question each; {@code parsimony bench} runs them, and {@code parsimony jmh} with options of JMH. */
package parsimony.benchmarks.jmh;
