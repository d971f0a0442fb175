package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import parsimony.benchmarks.Roofline;
import parsimony.benchmarks.report.ResultPage;
import parsimony.benchmarks.result.Difference;
import parsimony.benchmarks.result.Difference.Verdict;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.ResultFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "report",
        description = {
            "Put results of compare and bench on one page, and show what has changed since earlier ones.",
            "Of a folder it takes every result in it and in its folder bench."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony report",
            "  parsimony report results/compare.json --against docs/measured/compare.json"
        })
final class Report implements Callable<Integer> {
    @Parameters(
            paramLabel = "FILE-OR-FOLDER",
            arity = "0..*",
            description = "JSON files that compare and bench wrote, or folders of them (default: results).")
    private List<Path> sources = List.of(Path.of("results"));

    @Option(
            names = "--against",
            paramLabel = "FILE-OR-FOLDER",
            arity = "1..*",
            description =
                    "Earlier results: each number shows what it was, and is marked where it differs by more than noise.")
    private List<Path> against = List.of();

    @Option(
            names = "--output",
            paramLabel = "FILE",
            defaultValue = "results/report.html",
            description = "The page (default: ${DEFAULT-VALUE}).")
    private Path output;

    @Mixin
    private CommonOptions common;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Map<String, Result> results = read(sources);
        Map<String, Result> before = read(against);
        Path folder = output.toAbsolutePath().normalize().getParent();
        OutputFile.makeFolder(spec, "--output", folder);
        OutputFile.require(spec, "--output", output);
        ResultPage.write(List.copyOf(results.values()), List.copyOf(before.values()), output);
        for (Result result : results.values()) {
            out.println(result.suite() + ": " + result.title() + ", "
                    + result.rows().size() + " rows, " + result.machine().time());
            Result earlier = before.get(result.suite());
            if (earlier != null) {
                tellDifference(out, result, earlier);
            }
        }
        spec.commandLine().getErr().println("written: " + output);
        return 0;
    }

    private static void tellDifference(PrintWriter out, Result result, Result earlier) {
        Difference difference = new Difference(result, earlier);
        out.println("  " + difference.summary());
        if (!result.machine().processor().equals(earlier.machine().processor())
                || result.machine().threads() != earlier.machine().threads()) {
            out.println("  The machines differ: " + result.machine().processor() + ", "
                    + result.machine().threads() + " threads, was "
                    + earlier.machine().processor() + ", " + earlier.machine().threads() + " threads.");
        }
        for (Row row : result.rows()) {
            for (Column column : result.columns()) {
                Optional<Verdict> verdict = difference.verdict(row, column).filter(found -> found != Verdict.SAME);
                verdict.ifPresent(found -> out.println("  " + (found == Verdict.BETTER ? "+ " : "- ") + row.name()
                        + ", " + column.title() + ": " + row.text(column) + ", was "
                        + difference.before(row).orElseThrow().text(column)));
            }
        }
        difference.gone().forEach(row -> out.println("  not measured any more: " + row.name()));
    }

    /** Results by their suites; of two of one suite the first counts. */
    private Map<String, Result> read(List<Path> places) throws IOException {
        Map<String, Result> results = new LinkedHashMap<>();
        for (Path place : places) {
            for (Path file : files(place)) {
                Result result = ResultFile.read(file);
                results.putIfAbsent(result.suite(), result);
            }
        }
        return results;
    }

    private List<Path> files(Path place) throws IOException {
        if (!Files.exists(place)) {
            throw new ParameterException(
                    spec.commandLine(),
                    place + " does not exist; ./parsimony compare and ./parsimony bench make results");
        }
        if (!Files.isDirectory(place)) {
            return List.of(place);
        }
        List<Path> files = new ArrayList<>();
        for (Path folder : List.of(place, place.resolve("bench"))) {
            if (Files.isDirectory(folder)) {
                try (DirectoryStream<Path> found = Files.newDirectoryStream(folder, "*.json")) {
                    found.forEach(files::add);
                }
            }
        }
        files.remove(Roofline.file(place));
        if (files.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "the folder " + place + " holds no results; ./parsimony compare and ./parsimony bench make them");
        }
        // The main comparison first.
        files.sort((a, b) -> {
            boolean first = a.endsWith("compare.json");
            return first != b.endsWith("compare.json") ? (first ? -1 : 1) : a.compareTo(b);
        });
        return files;
    }
}
