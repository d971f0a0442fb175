/** The command line: one class per command, what they share in {@code CommonOptions}, and {@code Main}, which turns failures into sentences. */
package parsimony.benchmarks.cli;
