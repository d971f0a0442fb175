/** Comparisons with questions of their own, {@code compare --suite}: each has its columns and plots, and all are run, recorded and shown in one way. */
package parsimony.benchmarks.suite;
