/** What a reader sees of a comparison: the table in the terminal, the record on disk, and the page in the browser. */
package parsimony.benchmarks.report;
