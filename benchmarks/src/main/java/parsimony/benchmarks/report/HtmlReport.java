package parsimony.benchmarks.report;

import static parsimony.benchmarks.report.Page.escaped;
import static parsimony.benchmarks.report.Page.fact;
import static parsimony.benchmarks.report.Page.heading;
import static parsimony.benchmarks.report.Page.machine;
import static parsimony.benchmarks.report.Page.term;
import static parsimony.benchmarks.report.Page.unbroken;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.compare.Comparison.MachineRecord;
import parsimony.benchmarks.compare.Measurement;

/**
 * A {@link Comparison} as one HTML page. Words and table are written here, so that they are there without JavaScript too; the script sorts, filters, and
 * draws the record's plots.
 */
public final class HtmlReport {
    private HtmlReport() {}

    /**
     * Writes the page whole or not at all; its folder is made if there is none.
     *
     * @throws IOException if the disk does not take it
     */
    public static void write(Comparison comparison, Path file) throws IOException {
        Finding finding = Finding.of(comparison);
        MachineRecord machine = comparison.machine();
        new Page("report", "shared")
                .put("headline", unbroken(escaped(finding.headline())))
                .put("sentence", sentence(finding))
                .put("facts", facts(comparison))
                .put("head", head())
                .put("rows", rows(comparison))
                .put("missing", missing(comparison))
                .put("techniques", techniques(comparison.rows()))
                .put("text", escaped(comparison.text().name()))
                .put("protocol", escaped(comparison.text().protocol()))
                .put("machine", machine(machine))
                .put("hashes", hashes(comparison))
                .put("command", escaped(comparison.command()))
                .put("seed", Long.toString(comparison.seed()))
                .record(ResultFile.json(comparison))
                .write(file);
    }

    /** The finding's sentence with the technique that it names set as code. */
    private static String sentence(Finding finding) {
        String technique = finding.technique().isEmpty() ? "" : "<code>" + escaped(finding.technique()) + "</code>";
        return unbroken(escaped(finding.before())) + technique + unbroken(escaped(finding.after()));
    }

    private static String facts(Comparison comparison) {
        MachineRecord machine = comparison.machine();
        return fact(
                        "Model",
                        comparison.model().name(),
                        Figures.count(comparison.model().parameters()) + " parameters")
                + fact(
                        "Held-out text",
                        comparison.text().name(),
                        "%s, %s tokens"
                                .formatted(
                                        Figures.bytes(comparison.text().bytes()),
                                        Figures.count(comparison.text().tokens())))
                + fact(
                        "Machine",
                        machine.processor(),
                        machine.threads() + " threads, " + machine.backend() + " backend")
                + fact(
                        "Measured",
                        machine.time().replace('T', ' '),
                        comparison.rows().size() + " models, one run");
    }

    private static String head() {
        StringBuilder html = new StringBuilder(heading("technique", "Technique", "and its options", false, "text"));
        for (Column column : Column.values()) {
            html.append(heading(
                    column.name().toLowerCase(Locale.ROOT),
                    column.label,
                    column.explanation,
                    column.moreIsBetter,
                    "number"));
        }
        return html.toString();
    }

    private static String rows(Comparison comparison) {
        StringBuilder html = new StringBuilder();
        for (int index = 0; index < comparison.rows().size(); index++) {
            Measurement row = comparison.rows().get(index);
            html.append("<tr data-row=\"%d\"%s data-search=\"%s\">"
                    .formatted(
                            index, index == 0 ? " class=\"dense\"" : "", escaped(row.technique() + " " + row.title())));
            html.append("<th scope=\"row\" data-value=\"%s\">%s<span>%s</span></th>"
                    .formatted(escaped(row.technique()), escaped(row.name()), breakable(escaped(options(row)))));
            for (Column column : Column.values()) {
                double value = column.value(row);
                String tint = column == Column.CHANGE ? " class=\"%s\"".formatted(tint(value)) : "";
                html.append("<td data-value=\"%s\"%s>%s<span>%s</span></td>"
                        .formatted(
                                Double.isFinite(value) ? Double.toString(value) : "",
                                tint,
                                escaped(column.text(row)),
                                escaped(column.detail(row, comparison.baseline()))));
            }
            html.append("</tr>\n");
        }
        return html.toString();
    }

    /** Says so where the table has fewer rows than were asked for. */
    private static String missing(Comparison comparison) {
        if (comparison.missing().isEmpty()) {
            return "";
        }
        return comparison.missing().stream()
                .map(technique -> "<code>" + escaped(technique) + "</code>")
                .collect(Collectors.joining(" ", "<p class=\"prose missing\">Asked for and not measured: ", "</p>\n"));
    }

    /** The specification without the name that the row already bears. */
    private static String options(Measurement row) {
        String prefix = row.name() + ":";
        return row.technique().startsWith(prefix) ? row.technique().substring(prefix.length()) : row.technique();
    }

    private static String tint(double change) {
        if (!(change < 0.5)) {
            return "collapsed";
        }
        if (change > 0.05) {
            return "worse";
        }
        if (change > 0.01) {
            return "slightly-worse";
        }
        return change < -0.001 ? "better" : "same";
    }

    private static String techniques(List<Measurement> rows) {
        Map<String, List<Measurement>> byName = rows.stream()
                .collect(Collectors.groupingBy(Measurement::name, LinkedHashMap::new, Collectors.toList()));
        StringBuilder html = new StringBuilder();
        byName.forEach((name, ofName) -> html.append("<div><dt>%s</dt><dd>%s<span>%s</span></dd></div>\n"
                .formatted(
                        escaped(name),
                        ofName.getFirst().title().isEmpty()
                                ? ""
                                : "<cite>" + escaped(ofName.getFirst().title()) + "</cite>",
                        ofName.stream()
                                .map(row -> "<code>" + escaped(options(row)) + "</code>")
                                .collect(Collectors.joining(" ")))));
        return html.toString();
    }

    private static String hashes(Comparison comparison) {
        return term("Weights, SHA-256", comparison.model().sha256())
                + term("Text, SHA-256", comparison.text().sha256());
    }

    /** Lets long options wrap between two of them. */
    private static String breakable(String html) {
        return html.replaceAll("[,+]", "$0<wbr>");
    }
}
