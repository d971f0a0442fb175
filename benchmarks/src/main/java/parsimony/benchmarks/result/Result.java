package parsimony.benchmarks.result;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Everything that one run of a comparison or a benchmark found, with what is needed to read and repeat it.
 *
 * @param suite its name on the command line
 * @param title what it compares
 * @param headline what was found, in a few words; empty if that is left to the reader
 * @param finding the same in a sentence or two, techniques between backticks; may be empty
 * @param protocol how it was measured, in sentences
 * @param command how to run it again
 * @param model what everything was done to; {@link ModelRecord#NONE} if there was none
 * @param texts what it was measured on, where that was no part of the model's own
 * @param machine where
 * @param seed of everything random
 * @param columns what was measured
 * @param charts what of it is drawn
 * @param rows in the order in which they were measured; the first is what others are compared with, if anything is
 * @param missing what was asked for and not measured
 */
public record Result(
        String suite,
        String title,
        String headline,
        String finding,
        List<String> protocol,
        String command,
        ModelRecord model,
        List<TextRecord> texts,
        MachineRecord machine,
        long seed,
        List<Column> columns,
        List<Chart> charts,
        List<Row> rows,
        List<String> missing) {
    public Result {
        protocol = List.copyOf(protocol);
        texts = List.copyOf(texts);
        columns = List.copyOf(columns);
        charts = List.copyOf(charts);
        rows = List.copyOf(rows);
        missing = List.copyOf(missing);
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("a result has at least one row");
        }
    }

    /** @param sha256 of all weights as they were read */
    public record ModelRecord(String name, String sha256, long parameters) {
        /** Where no model was measured. */
        public static final ModelRecord NONE = new ModelRecord("", "", 0);
    }

    /**
     * A text that was measured on.
     *
     * @param sha256 of its bytes
     */
    public record TextRecord(String name, String sha256, long bytes) {}

    /**
     * @param backend that was measured, or empty if rows say it
     * @param commit of the project, or "unknown"
     * @param time when the run began, ISO 8601
     */
    public record MachineRecord(
            String jdk,
            String processor,
            int cores,
            long memoryBytes,
            int threads,
            String backend,
            String system,
            String commit,
            String time) {}

    /**
     * One number, or word, of every row.
     *
     * @param key its name in the record
     * @param label a few characters, for the terminal, or to stand before a number below another
     * @param title for the page
     * @param explanation completes a sentence that begins with the title
     * @param moreIsBetter whether the best is the largest
     * @param place where it is shown
     * @param noise by what part of themselves numbers may differ between two runs without meaning anything, where a row does not say it
     */
    public record Column(
            String key,
            String label,
            String title,
            String explanation,
            Unit unit,
            boolean moreIsBetter,
            Place place,
            double noise) {
        /** A column that is shown everywhere and is as noisy as its unit. */
        public Column(String key, String label, String title, String explanation, Unit unit, boolean moreIsBetter) {
            this(key, label, title, explanation, unit, moreIsBetter, Place.EVERYWHERE, unit.noise);
        }

        /** The same column elsewhere. */
        public Column at(Place other) {
            return new Column(key, label, title, explanation, unit, moreIsBetter, other, noise);
        }

        /** The same column with numbers that differ so much from run to run. */
        public Column noisy(double part) {
            return new Column(key, label, title, explanation, unit, moreIsBetter, place, part);
        }
    }

    /** Where a column is shown. */
    public enum Place {
        /** In the terminal and on the page. */
        EVERYWHERE,
        /** On the page alone. */
        PAGE,
        /** On the page, small, below the number of the column before. */
        BELOW
    }

    /**
     * Two columns against each other.
     *
     * @param note how to read it
     * @param x key of the column to the right
     * @param y key of the column upwards
     * @param logX whether distances to the right are ratios
     * @param logY whether distances upwards are ratios
     */
    public record Chart(String title, String note, String x, String y, boolean logX, boolean logY, Kind kind) {}

    /** How a chart is drawn. */
    public enum Kind {
        /** A point for each row. */
        POINTS,
        /** Points, and a line along those that no other beats in both directions. */
        FRONT,
        /** Points, a line through those with the same name. */
        LINES,
        /** A bar for each row, in groups by the words of the column to the right. */
        BARS
    }

    /**
     * One thing that was measured.
     *
     * @param name with its options
     * @param series what it belongs to in the plots
     * @param paper title of its paper, or empty
     * @param words by the columns' keys, for columns of words
     * @param values by the columns' keys; a number that does not apply, or is none, is absent
     * @param noise by the columns' keys: how far another run's number may be without meaning anything, where that is known
     */
    public record Row(
            String name,
            String series,
            String paper,
            Map<String, String> words,
            Map<String, Double> values,
            Map<String, Double> noise) {
        public Row {
            words = Map.copyOf(words);
            values = finite(values);
            noise = finite(noise);
        }

        /** A row of numbers. */
        public Row(String name, String series, String paper, Map<String, Double> values) {
            this(name, series, paper, Map.of(), values, Map.of());
        }

        /** The number of a column, or NaN. */
        public double value(String key) {
            return values.getOrDefault(key, Double.NaN);
        }

        /** What stands in a column, for people. */
        public String text(Column column) {
            return column.unit() == Unit.TEXT
                    ? words.getOrDefault(column.key(), "")
                    : column.unit().text(value(column.key()));
        }

        private static Map<String, Double> finite(Map<String, Double> numbers) {
            return numbers.entrySet().stream()
                    .filter(entry -> Double.isFinite(entry.getValue()))
                    .collect(Collectors.toMap(
                            Map.Entry::getKey, Map.Entry::getValue, (first, second) -> second, LinkedHashMap::new));
        }
    }
}
