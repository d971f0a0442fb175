package parsimony.benchmarks.suite;

import java.util.List;
import java.util.Map;
import parsimony.benchmarks.compare.Comparison.MachineRecord;
import parsimony.benchmarks.compare.Comparison.ModelRecord;

/**
 * Everything that one run of a suite found, with what is needed to read and repeat it.
 *
 * @param suite its name on the command line
 * @param title what it compares
 * @param protocol how, in sentences
 * @param command how to run it again
 * @param model what everything was done to
 * @param machine where
 * @param seed of everything random
 * @param columns what was measured
 * @param charts what of it is drawn
 * @param rows in the order in which they were measured
 * @param missing what was asked for and not measured
 */
public record SuiteResult(
        String suite,
        String title,
        List<String> protocol,
        String command,
        ModelRecord model,
        MachineRecord machine,
        long seed,
        List<Column> columns,
        List<Chart> charts,
        List<Row> rows,
        List<String> missing) {
    public SuiteResult {
        protocol = List.copyOf(protocol);
        columns = List.copyOf(columns);
        charts = List.copyOf(charts);
        rows = List.copyOf(rows);
        missing = List.copyOf(missing);
    }

    /** How a number is written. */
    public enum Unit {
        /** A whole number of things. */
        COUNT,
        /** Bytes. */
        BYTES,
        /** A multiple of something. */
        TIMES,
        /** A share of one. */
        SHARE,
        /** Three decimals. */
        FINE,
        /** Seconds. */
        SECONDS,
        /** Powers of ten. */
        SCIENTIFIC
    }

    /**
     * One number of every row.
     *
     * @param key its name in the record
     * @param label a few characters, for the terminal
     * @param title for the page
     * @param explanation completes a sentence that begins with the title
     * @param moreIsBetter whether the best is the largest
     */
    public record Column(String key, String label, String title, String explanation, Unit unit, boolean moreIsBetter) {}

    /**
     * Two columns against each other.
     *
     * @param note how to read it
     * @param x key of the column to the right
     * @param y key of the column upwards
     * @param logX whether distances to the right are ratios
     * @param logY whether distances upwards are ratios
     * @param lines whether the points of a series are joined
     */
    public record Chart(String title, String note, String x, String y, boolean logX, boolean logY, boolean lines) {}

    /**
     * One thing that was measured.
     *
     * @param name with its options
     * @param series what it belongs to in the plots
     * @param paper title of its paper, or empty
     * @param values by the columns' keys; a number that does not apply is absent
     */
    public record Row(String name, String series, String paper, Map<String, Double> values) {
        /** The number of a column, or NaN. */
        public double value(String key) {
            return values.getOrDefault(key, Double.NaN);
        }
    }
}
