/** The comparisons of {@code compare}: each has its columns and plots, and all are run, recorded and shown in one way. */
package parsimony.benchmarks.suite;
