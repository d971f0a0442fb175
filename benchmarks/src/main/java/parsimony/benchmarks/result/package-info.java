/** What a measurement leaves: one kind of record for every comparison and benchmark, its file, and how its numbers are written. */
package parsimony.benchmarks.result;
