/**
 * The bench of the laboratory: command line, the compare job, its report, and the JMH benchmarks. Sees every module and names no technique.
 */
package parsimony.benchmarks;
