package parsimony.benchmarks.report;

import static parsimony.benchmarks.report.Page.escaped;
import static parsimony.benchmarks.report.Page.fact;
import static parsimony.benchmarks.report.Page.term;
import static parsimony.benchmarks.report.Page.unbroken;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import parsimony.benchmarks.result.Difference;
import parsimony.benchmarks.result.Difference.Verdict;
import parsimony.benchmarks.result.Figures;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.MachineRecord;
import parsimony.benchmarks.result.Result.ModelRecord;
import parsimony.benchmarks.result.Result.Place;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.ResultFile;
import parsimony.benchmarks.result.Unit;

/**
 * Results as one HTML page, an article each. Words and tables are written here, so that they are there without JavaScript too; the script sorts, filters,
 * and draws the records' plots. Beside earlier results of the same suites each number shows what it was, and whether it differs by more than noise.
 */
public final class ResultPage {
    /** Changes of quality from here on are tinted. */
    private static final double SLIGHT = 0.01;

    private static final double SEVERE = 0.05;
    private static final double COLLAPSED = 0.5;

    private final List<Result> results;
    private final Map<String, Result> before;
    private final TechniqueList techniques;

    private ResultPage(List<Result> results, List<Result> before, Path file) {
        this.results = results;
        this.before =
                before.stream().collect(Collectors.toMap(Result::suite, result -> result, (first, second) -> second));
        techniques = new TechniqueList(file);
    }

    /**
     * Writes the page whole or not at all; its folder is made if there is none.
     *
     * @param results at least one
     * @param before earlier results, of which those of the same suites are shown beside
     * @throws IOException if the disk does not take it
     */
    public static void write(List<Result> results, List<Result> before, Path file) throws IOException {
        new ResultPage(results, before, file).write(file);
    }

    private void write(Path file) throws IOException {
        boolean alone = results.size() == 1;
        Result first = results.getFirst();
        StringBuilder articles = new StringBuilder();
        for (int index = 0; index < results.size(); index++) {
            articles.append(article(index, alone));
        }
        new Page("results")
                .put(
                        "headline",
                        alone ? unbroken(escaped(headline(first))) : "What makes language models cheap, measured")
                .put("lede", alone ? lede(first) : "")
                .put("facts", alone ? facts(first) : commonFacts())
                .put("contents", alone ? "" : contents())
                .put("articles", articles.toString())
                .put("techniques", techniques.html(results))
                .record(ResultFile.json(results))
                .write(file);
    }

    private static String headline(Result result) {
        return result.headline().isEmpty() ? result.title() : result.headline();
    }

    /** The finding's sentence, with the techniques that it names set as code. */
    private static String lede(Result result) {
        return result.finding().isEmpty()
                ? ""
                : "  <p class=\"lede\">"
                        + unbroken(escaped(result.finding())).replaceAll("`([^`]*)`", "<code>$1</code>") + "</p>\n";
    }

    private static String facts(Result result) {
        MachineRecord machine = result.machine();
        StringBuilder facts = new StringBuilder();
        if (!result.model().equals(ModelRecord.NONE)) {
            facts.append(fact(
                    "Model", result.model().name(), Figures.count(result.model().parameters()) + " parameters"));
        }
        result.texts().forEach(text -> facts.append(fact("Held-out text", text.name(), Figures.bytes(text.bytes()))));
        return facts.append(fact("Machine", machine.processor(), threads(machine)))
                .append(fact(
                        "Measured",
                        machine.time().replace('T', ' '),
                        result.rows().size() + " rows, one run"))
                .toString();
    }

    private static String threads(MachineRecord machine) {
        return machine.threads() + " threads"
                + (machine.backend().isEmpty() ? "" : ", " + machine.backend() + " backend");
    }

    /** What holds for all; each article has its own beside its method. */
    private String commonFacts() {
        List<MachineRecord> machines = results.stream().map(Result::machine).toList();
        String processors = machines.stream()
                .map(machine -> machine.processor() + ", " + machine.cores() + " cores")
                .distinct()
                .collect(Collectors.joining("; "));
        List<String> times = machines.stream().map(MachineRecord::time).sorted().toList();
        int rows = results.stream().mapToInt(result -> result.rows().size()).sum();
        return fact("Measured", Figures.count(rows) + " rows", results.size() + " runs")
                + fact("Machine", processors, "Java " + machines.getFirst().jdk())
                + fact(
                        "When",
                        times.getFirst().replace('T', ' '),
                        times.size() > 1 ? "to " + times.getLast().replace('T', ' ') : "");
    }

    private String contents() {
        return results.stream()
                .map(result -> "<li><a href=\"#%s\">%s</a><span>%s</span></li>\n"
                        .formatted(
                                escaped(result.suite()), escaped(result.title()), unbroken(escaped(result.headline()))))
                .collect(Collectors.joining("", "  <nav aria-label=\"Results\"><ol>\n", "  </ol></nav>\n"));
    }

    private String article(int index, boolean alone) throws IOException {
        Result result = results.get(index);
        Optional<Difference> difference =
                Optional.ofNullable(before.get(result.suite())).map(old -> new Difference(result, old));
        return Page.filled(
                "article.html",
                Map.ofEntries(
                        Map.entry("suite", escaped(result.suite())),
                        Map.entry("index", Integer.toString(index)),
                        Map.entry("opening", alone ? "" : opening(result)),
                        Map.entry("figures", figures(result)),
                        Map.entry("head", head(result)),
                        Map.entry("rows", rows(result, difference)),
                        Map.entry(
                                "notes",
                                missing(result) + difference.map(this::summary).orElse("")),
                        Map.entry(
                                "protocol",
                                result.protocol().stream()
                                        .map(sentence -> "<p class=\"prose\">" + unbroken(escaped(sentence)) + "</p>\n")
                                        .collect(Collectors.joining())),
                        Map.entry("machine", machine(result)),
                        Map.entry("hashes", hashes(result)),
                        Map.entry("command", escaped(result.command()))));
    }

    private static String opening(Result result) {
        String name = result.headline().isEmpty() ? "" : "<p class=\"name\">" + escaped(result.title()) + "</p>\n";
        return "<div class=\"opening\">" + name + "<h2>" + unbroken(escaped(headline(result))) + "</h2>\n"
                + lede(result) + "<dl class=\"facts\">\n" + facts(result) + "</dl></div>\n";
    }

    /** The first has the whole width, the others stand beside each other; bars need the width too. */
    private static String figures(Result result) {
        StringBuilder html = new StringBuilder();
        boolean inPair = false;
        for (Chart chart : result.charts()) {
            boolean wide = html.isEmpty() || chart.kind() == Kind.BARS;
            if (wide == inPair) {
                html.append(wide ? "</div>\n" : "<div class=\"pair\">\n");
                inPair = !wide;
            }
            html.append("""
                    <figure>
                      <figcaption><h3>%s</h3>
                      <p>%s</p></figcaption>
                      <div class="plot%s" data-plot="%s/%s"></div>
                    </figure>
                    """.formatted(
                            escaped(chart.title()),
                            escaped(chart.note()),
                            wide ? " tall" : "",
                            escaped(chart.x()),
                            escaped(chart.y())));
        }
        return html.append(inPair ? "</div>\n" : "").toString();
    }

    private static List<Column> shown(Result result) {
        return result.columns().stream()
                .filter(column -> column.place() != Place.BELOW)
                .toList();
    }

    private static String head(Result result) {
        StringBuilder html = new StringBuilder(heading("name", "Technique", "and its options", false, "text"));
        for (Column column : shown(result)) {
            html.append(heading(
                    column.key(),
                    column.title(),
                    column.explanation(),
                    column.moreIsBetter(),
                    column.unit() == Unit.TEXT ? "text" : "number"));
        }
        return html.toString();
    }

    /** The heading of a column that the table can be sorted by. */
    private static String heading(String key, String label, String explanation, boolean moreFirst, String kind) {
        return """
                <th scope="col" data-key="%s" data-first="%s" class="%s">\
                <button type="button" title="%s">%s</button></th>
                """.formatted(
                escaped(key), moreFirst ? "descending" : "ascending", kind, escaped(explanation), escaped(label));
    }

    private static String rows(Result result, Optional<Difference> difference) {
        StringBuilder html = new StringBuilder();
        boolean hasBaseline = result.charts().stream().anyMatch(chart -> chart.kind() == Kind.FRONT);
        for (int index = 0; index < result.rows().size(); index++) {
            Row row = result.rows().get(index);
            String searched = row.name() + " " + row.paper() + " "
                    + String.join(" ", row.words().values());
            html.append("<tr data-row=\"%d\"%s data-search=\"%s\">"
                    .formatted(index, index == 0 && hasBaseline ? " class=\"first\"" : "", escaped(searched)));
            html.append("<th scope=\"row\" data-value=\"%s\">%s<span>%s</span></th>"
                    .formatted(escaped(row.name()), escaped(row.series()), breakable(escaped(options(row)))));
            for (Column column : shown(result)) {
                html.append(cell(result, row, column, difference));
            }
            html.append("</tr>\n");
        }
        return html.toString();
    }

    private static String cell(Result result, Row row, Column column, Optional<Difference> difference) {
        double value = row.value(column.key());
        String sorted =
                column.unit() == Unit.TEXT ? row.text(column) : Double.isFinite(value) ? Double.toString(value) : "";
        Optional<Verdict> verdict = difference.flatMap(found -> found.verdict(row, column));
        String tint = difference.isPresent()
                ? verdict.map(found -> found == Verdict.BETTER ? "better" : found == Verdict.WORSE ? "worse" : "")
                        .orElse("")
                : column.unit() == Unit.CHANGE ? tint(value) : "";
        String below = below(result, row, column);
        String was = difference
                .flatMap(found -> found.before(row))
                .filter(old -> column.unit() != Unit.TEXT)
                .map(old -> "<span class=\"was\">was " + escaped(old.text(column)) + "</span>")
                .orElse("");
        return "<td data-value=\"%s\"%s>%s%s%s</td>"
                .formatted(
                        escaped(sorted),
                        classes(column.unit() == Unit.TEXT ? "words" : "", tint),
                        escaped(row.text(column)),
                        below.isEmpty() ? "" : "<span>" + escaped(below) + "</span>",
                        was);
    }

    private static String classes(String... names) {
        String joined = String.join(" ", names).strip();
        return joined.isEmpty() ? "" : " class=\"" + joined + "\"";
    }

    /** The numbers of the columns that are shown below this one. */
    private static String below(Result result, Row row, Column column) {
        return result.columns().stream()
                .skip(result.columns().indexOf(column) + 1L)
                .takeWhile(next -> next.place() == Place.BELOW)
                .map(next -> (next.label() + " " + row.text(next)).strip())
                .collect(Collectors.joining(" "));
    }

    private static String tint(double change) {
        if (!(change < COLLAPSED)) {
            return "collapsed";
        }
        if (change > SEVERE) {
            return "worse";
        }
        if (change > SLIGHT) {
            return "slightly-worse";
        }
        return change < -SLIGHT / 10 ? "better" : "same";
    }

    /** The specification without the name that the row already bears. */
    private static String options(Row row) {
        if (row.name().equals(row.series())) {
            return "";
        }
        String prefix = row.series() + ":";
        return row.name().startsWith(prefix) ? row.name().substring(prefix.length()) : row.name();
    }

    /** Says so where the table has fewer rows than were asked for. */
    private static String missing(Result result) {
        return result.missing().isEmpty()
                ? ""
                : result.missing().stream()
                        .map(name -> "<code>" + escaped(name) + "</code>")
                        .collect(Collectors.joining(
                                " ", "<p class=\"prose missing\">Asked for and not measured: ", "</p>\n"));
    }

    private String summary(Difference difference) {
        StringBuilder html =
                new StringBuilder("<p class=\"prose difference\">" + escaped(difference.summary()) + "</p>\n");
        List<Row> gone = difference.gone();
        if (!gone.isEmpty()) {
            html.append(gone.stream()
                    .map(row -> "<code>" + escaped(row.name()) + "</code>")
                    .collect(Collectors.joining(" ", "<p class=\"prose missing\">Measured before only: ", "</p>\n")));
        }
        return html.toString();
    }

    private static String machine(Result result) {
        MachineRecord machine = result.machine();
        return term("Processor", machine.processor() + ", " + machine.cores() + " cores")
                + term("Memory", Figures.bytes(machine.memoryBytes()))
                + term("Threads", Integer.toString(machine.threads()))
                + (machine.backend().isEmpty() ? "" : term("Backend", machine.backend()))
                + term("Java", machine.jdk())
                + term("System", machine.system())
                + term("Commit", machine.commit())
                + term("Seed", Long.toString(result.seed()));
    }

    private static String hashes(Result result) {
        String model = result.model().equals(ModelRecord.NONE)
                ? ""
                : term("Weights, SHA-256", result.model().sha256());
        return model
                + result.texts().stream()
                        .map(text -> term("Text, SHA-256", text.sha256()))
                        .collect(Collectors.joining());
    }

    /** Lets long options wrap between two of them. */
    private static String breakable(String html) {
        return html.replaceAll("[,+]", "$0<wbr>");
    }
}
