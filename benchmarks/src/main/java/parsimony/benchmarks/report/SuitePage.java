package parsimony.benchmarks.report;

import static parsimony.benchmarks.report.Page.escaped;
import static parsimony.benchmarks.report.Page.fact;
import static parsimony.benchmarks.report.Page.heading;
import static parsimony.benchmarks.report.Page.machine;
import static parsimony.benchmarks.report.Page.term;
import static parsimony.benchmarks.report.Page.unbroken;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.Collectors;
import parsimony.benchmarks.suite.SuiteResult;
import parsimony.benchmarks.suite.SuiteResult.Chart;
import parsimony.benchmarks.suite.SuiteResult.Column;
import parsimony.benchmarks.suite.SuiteResult.Row;

/** A {@link SuiteResult} as one HTML page, with its table, and its plots where there is JavaScript. */
public final class SuitePage {
    private SuitePage() {}

    /**
     * Writes the page whole or not at all; its folder is made if there is none.
     *
     * @throws IOException if the disk does not take it
     */
    public static void write(SuiteResult result, Path file) throws IOException {
        new Page("suite", "shared")
                .put("headline", escaped(result.title()))
                .put("facts", facts(result))
                .put("plots", result.charts().stream().map(SuitePage::figure).collect(Collectors.joining()))
                .put("head", head(result))
                .put("rows", rows(result))
                .put("missing", missing(result))
                .put(
                        "protocol",
                        result.protocol().stream()
                                .map(sentence -> "<p class=\"prose\">" + unbroken(escaped(sentence)) + "</p>\n")
                                .collect(Collectors.joining()))
                .put("machine", machine(result.machine()))
                .put("hashes", term("Weights, SHA-256", result.model().sha256()))
                .put("command", escaped(result.command()))
                .put("seed", Long.toString(result.seed()))
                .record(ResultFile.json(result))
                .write(file);
    }

    private static String facts(SuiteResult result) {
        return fact("Model", result.model().name(), Figures.count(result.model().parameters()) + " parameters")
                + fact(
                        "Machine",
                        result.machine().processor(),
                        result.machine().threads() + " threads, "
                                + result.machine().backend() + " backend")
                + fact(
                        "Measured",
                        result.machine().time().replace('T', ' '),
                        result.rows().size() + " rows, one run");
    }

    private static String figure(Chart chart) {
        return """
                <figure>
                  <figcaption><h2>%s</h2>
                  <p>%s</p></figcaption>
                  <div class="plot" data-plot="%s/%s"></div>
                </figure>
                """.formatted(escaped(chart.title()), escaped(chart.note()), escaped(chart.x()), escaped(chart.y()));
    }

    private static String head(SuiteResult result) {
        return heading("name", "Technique", "and its options", false, "text")
                + result.columns().stream()
                        .map(column -> heading(
                                column.key(), column.title(), column.explanation(), column.moreIsBetter(), "number"))
                        .collect(Collectors.joining());
    }

    private static String rows(SuiteResult result) {
        StringBuilder html = new StringBuilder();
        for (int index = 0; index < result.rows().size(); index++) {
            Row row = result.rows().get(index);
            html.append(
                    "<tr data-row=\"%d\" data-search=\"%s\"><th scope=\"row\" data-value=\"%s\">%s<span>%s</span></th>"
                            .formatted(
                                    index,
                                    escaped(row.name() + " " + row.paper()),
                                    escaped(row.name()),
                                    escaped(row.name()),
                                    escaped(row.paper())));
            for (Column column : result.columns()) {
                double value = row.value(column.key());
                html.append("<td data-value=\"%s\">%s</td>"
                        .formatted(
                                Double.isFinite(value) ? Double.toString(value) : "",
                                escaped(SuiteFigures.text(column.unit(), value))));
            }
            html.append("</tr>\n");
        }
        return html.toString();
    }

    private static String missing(SuiteResult result) {
        return result.missing().isEmpty()
                ? ""
                : result.missing().stream()
                        .map(name -> "<code>" + escaped(name) + "</code>")
                        .collect(Collectors.joining(
                                " ", "<p class=\"prose missing\">Asked for and not measured: ", "</p>\n"));
    }
}
