/** The texts that come with the build: Java and Scala sources, held out, for calibration, or to be learned. */
package parsimony.benchmarks.text;
