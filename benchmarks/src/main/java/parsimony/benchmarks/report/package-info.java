/** What a reader sees of results: the table in the terminal and the page in the browser. */
package parsimony.benchmarks.report;
