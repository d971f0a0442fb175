/** The main job: apply techniques to copies of one model, measure each on the same text in the same run, and keep the record. */
package parsimony.benchmarks.compare;
