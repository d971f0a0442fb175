package parsimony.benchmarks.report;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import parsimony.benchmarks.compare.Comparison.TextRecord;
import parsimony.benchmarks.compare.Measurement;

/**
 * The table in the terminal. It is printed as the job goes on, a line for each row as soon as that is measured, so the
 * columns' widths are settled before the first row is known. Nothing is ever rewritten: it reads the same in a log.
 */
public final class TerminalTable {
    private static final List<Column> COLUMNS = List.of(
            Column.BITS_PER_WEIGHT,
            Column.DISK,
            Column.MEMORY,
            Column.BITS_PER_BYTE,
            Column.CHANGE,
            Column.PREFILL,
            Column.DECODE,
            Column.PEAK);
    private static final String GAP = " ";

    private static final String PLAIN = "\u001b[0m";
    private static final String BOLD = "\u001b[1m";
    private static final String DIM = "\u001b[2m";
    private static final String CYAN = "\u001b[36m";
    private static final String YELLOW = "\u001b[33m";
    private static final String RED = "\u001b[31m";

    /** Changes smaller than this are left untinted. */
    private static final double SLIGHT = 0.001;

    private static final double SEVERE = 0.05;

    private final PrintWriter out;
    private final int width;
    private final boolean colour;
    private final boolean ascii;
    private boolean first = true;

    /**
     * @param charset in which {@code out} ends up; where it has no lines and dashes, plain letters stand for them
     * @param width of the terminal in characters; the table takes 100 to 120 of them
     * @param colour whether to tint quality and set the dense row off by ANSI escapes
     */
    public TerminalTable(PrintWriter out, Charset charset, int width, boolean colour) {
        this.out = out;
        this.width = Math.clamp(width, 100, 120);
        this.colour = colour;
        this.ascii = !charset.newEncoder().canEncode("─×…−–—·");
    }

    /** Prints the column headings. */
    public void begin() {
        StringBuilder line = new StringBuilder(padded("technique"));
        COLUMNS.forEach(column -> line.append(GAP).append(rightAligned(column, column.shortLabel)));
        print(styled(DIM, line.toString()));
        rule();
    }

    /** Prints one row; the first is the dense model's. */
    public void row(Measurement row) {
        String base = first ? BOLD : "";
        first = false;
        StringBuilder line = new StringBuilder(styled(base, padded(shortened(row.technique(), techniqueWidth()))));
        for (Column column : COLUMNS) {
            boolean quality = column == Column.BITS_PER_BYTE || column == Column.CHANGE;
            String style = quality ? base + tint(row.quality().relativeChange()) : base;
            line.append(GAP).append(styled(style, rightAligned(column, column.text(row))));
        }
        print(line.toString());
    }

    /** Prints what the numbers mean. */
    public void end(TextRecord text) {
        rule();
        wrapped("bits/byte of " + text.name() + ", " + Figures.bytes(text.bytes()) + ": " + text.protocol() + ".");
        wrapped("bits/wt: compressed matrices with all metadata. change: bits/byte against the first row. "
                + "prefill, decode: speed as a multiple of the first row's, measured in turn with it. "
                + "peak mem: heap, native and mapped, of this row alone.");
    }

    private int techniqueWidth() {
        return width
                - COLUMNS.stream()
                        .mapToInt(column -> GAP.length() + column.width)
                        .sum();
    }

    private String padded(String text) {
        return text + " ".repeat(Math.max(0, techniqueWidth() - text.length()));
    }

    private static String rightAligned(Column column, String text) {
        return " ".repeat(Math.max(0, column.width - text.length())) + text;
    }

    /** Leaves options out at the right, whole ones if what stays is not too little. */
    static String shortened(String technique, int length) {
        if (technique.length() <= length) {
            return technique;
        }
        int end = length - 1;
        int boundary = Math.max(technique.lastIndexOf(',', end), technique.lastIndexOf('+', end));
        return technique.substring(0, boundary > length / 2 ? boundary : end) + "…";
    }

    /** The sign says it too, so that no one depends on seeing the colour. */
    private static String tint(double change) {
        if (change < -SLIGHT) {
            return CYAN;
        }
        if (change <= SLIGHT) {
            return "";
        }
        return change < SEVERE ? YELLOW : RED;
    }

    private String styled(String style, String text) {
        return colour && !style.isEmpty() ? style + text + PLAIN : text;
    }

    private void rule() {
        print(styled(DIM, "─".repeat(width)));
    }

    private void wrapped(String text) {
        StringBuilder line = new StringBuilder();
        for (String word : text.split(" ", -1)) {
            if (line.length() + 1 + word.length() > width) {
                print(styled(DIM, line.toString()));
                line.setLength(0);
            }
            line.append(line.isEmpty() ? "" : " ").append(word);
        }
        print(styled(DIM, line.toString()));
    }

    private void print(String line) {
        // Of these only the ellipsis has no ASCII counterpart of the same length; a tilde keeps the columns aligned.
        out.println(
                ascii
                        ? line.replace('─', '-')
                                .replace('×', 'x')
                                .replace('…', '~')
                                .replace('−', '-')
                                .replace('–', '-')
                                .replace('—', '-')
                                .replace('·', '.')
                        : line);
        out.flush();
    }
}
