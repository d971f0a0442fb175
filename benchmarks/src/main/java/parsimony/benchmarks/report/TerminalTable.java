package parsimony.benchmarks.report;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Place;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;

/**
 * The table in the terminal. It is printed as the job goes on, a line for each row as soon as that is measured, so the
 * columns' widths are settled before the first row is known. Nothing is ever rewritten: it reads the same in a log.
 */
public final class TerminalTable {
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

    private static final int NARROWEST = 100;
    private static final int WIDEST = 120;

    /** A name gets at least so much, even if the table then is wider than the terminal. */
    private static final int SHORTEST_NAME = 26;

    private final PrintWriter out;
    private final List<Column> columns;
    private final List<Column> words;
    private final int width;
    private final int nameWidth;
    private final boolean colour;
    private final boolean ascii;
    private boolean first = true;

    /**
     * @param charset in which {@code out} ends up; where it has no lines and dashes, plain letters stand for them
     * @param width of the terminal in characters; the table takes 100 to 120 of them unless its columns need more
     * @param colour whether to tint changes and set the first row off by ANSI escapes
     */
    public TerminalTable(PrintWriter out, Charset charset, int width, boolean colour, List<Column> columns) {
        this.out = out;
        List<Column> shown = columns.stream()
                .filter(column -> column.place() == Place.EVERYWHERE)
                .toList();
        this.columns =
                shown.stream().filter(column -> column.unit() != Unit.TEXT).toList();
        words = shown.stream().filter(column -> column.unit() == Unit.TEXT).toList();
        int cells = this.columns.stream()
                .mapToInt(column -> GAP.length() + width(column))
                .sum();
        this.width = Math.max(Math.clamp(width, NARROWEST, WIDEST), cells + SHORTEST_NAME);
        this.nameWidth = this.width - cells;
        this.colour = colour;
        this.ascii = !charset.newEncoder().canEncode("─×…−–—·");
    }

    /** Prints the column headings. */
    public void begin() {
        print(styled(DIM, line("technique", Column::label)));
        rule();
    }

    /** Prints one row; the first is what others are compared with. */
    public void row(Row row) {
        String base = first ? BOLD : "";
        first = false;
        StringBuilder line = new StringBuilder(styled(base, padded(shortened(name(row), nameWidth))));
        for (Column column : columns) {
            String style = column.unit() == Unit.CHANGE ? base + tint(row.value(column.key())) : base;
            line.append(GAP).append(styled(style, aligned(column, row.text(column))));
        }
        print(line.toString());
    }

    /** Words stand with the name. */
    private String name(Row row) {
        return words.stream()
                .map(row::text)
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining(" ", row.name() + " ", ""))
                .strip();
    }

    /** Prints what the numbers mean. */
    public void end(List<String> protocol) {
        rule();
        protocol.forEach(this::wrapped);
        wrapped(columns.stream().map(TerminalTable::meaning).collect(Collectors.joining(" ")));
    }

    private static String meaning(Column column) {
        String title = column.title().equalsIgnoreCase(column.label()) ? "" : column.title() + " ";
        return column.label() + ": " + title + column.explanation().replaceAll("; below,.*", "") + ".";
    }

    private String line(String name, Function<Column, String> cell) {
        return padded(name)
                + columns.stream()
                        .map(column -> GAP + aligned(column, cell.apply(column)))
                        .collect(Collectors.joining());
    }

    private static int width(Column column) {
        return Math.max(column.unit().width, column.label().length());
    }

    private String padded(String text) {
        return text + " ".repeat(Math.max(0, nameWidth - text.length()));
    }

    private static String aligned(Column column, String text) {
        return " ".repeat(Math.max(0, width(column) - text.length())) + text;
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
