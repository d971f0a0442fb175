package parsimony.benchmarks.report;

import java.io.PrintWriter;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import parsimony.benchmarks.suite.SuiteResult.Column;
import parsimony.benchmarks.suite.SuiteResult.Row;

/** A suite's table in the terminal, a line for each row as soon as it is measured. */
public final class SuiteTable {
    private static final int NAME_WIDTH = 30;
    private static final int LEAST_WIDTH = 9;

    private final PrintWriter out;
    private final List<Column> columns;

    public SuiteTable(PrintWriter out, List<Column> columns) {
        this.out = out;
        this.columns = columns;
    }

    /** Prints the headings. */
    public void begin() {
        print("", Column::label);
        out.println("-"
                .repeat(NAME_WIDTH
                        + columns.stream().mapToInt(column -> width(column) + 1).sum()));
        out.flush();
    }

    /** Prints one row. */
    public void row(Row row) {
        print(row.name(), column -> SuiteFigures.text(column.unit(), row.value(column.key())));
    }

    /** Prints what the numbers mean. */
    public void end(List<String> protocol) {
        out.println();
        protocol.forEach(out::println);
        out.flush();
    }

    private void print(String name, Function<Column, String> text) {
        String shown = TerminalTable.shortened(name, NAME_WIDTH);
        out.println(shown
                + " ".repeat(NAME_WIDTH - shown.length())
                + columns.stream()
                        .map(column -> {
                            String cell = text.apply(column);
                            return " " + " ".repeat(Math.max(0, width(column) - cell.length())) + cell;
                        })
                        .collect(Collectors.joining()));
        out.flush();
    }

    private static int width(Column column) {
        return Math.max(LEAST_WIDTH, column.label().length());
    }
}
