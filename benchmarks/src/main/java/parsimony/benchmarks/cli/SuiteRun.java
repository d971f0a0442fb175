package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import parsimony.benchmarks.report.ResultPage;
import parsimony.benchmarks.report.TerminalTable;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.ResultFile;
import parsimony.benchmarks.suite.Suite;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueSpec;

/** Runs a suite, prints its table as it goes on, and keeps its two files up to date with the rows. */
final class SuiteRun implements Suite.Listener {
    private final Suite suite;
    private final Suite.Request request;
    private final TerminalTable table;
    private final StatusLine status;
    private final PrintWriter err;
    private final Path json;
    private final Path page;
    private final String command;
    private final Result.ModelRecord model;
    private final Result.MachineRecord machine;
    private final List<Result.Row> rows = new ArrayList<>();
    private final List<String> missing = new ArrayList<>();
    private boolean failed;

    SuiteRun(
            Suite suite,
            Suite.Request request,
            TerminalTable table,
            PrintWriter err,
            Path folder,
            String command,
            Result.ModelRecord model,
            Result.MachineRecord machine) {
        this.suite = suite;
        this.request = request;
        this.err = err;
        this.command = command;
        this.model = model;
        this.machine = machine;
        this.table = table;
        status = new StatusLine(err, Terminal.showsErrors());
        String name = fileName(suite.kind());
        json = folder.resolve(name + ".json");
        page = folder.resolve(name + ".html");
        request.techniques().forEach(spec -> missing.add(spec.toString()));
    }

    /** What a kind is called on the command line. */
    static String name(Technique.Suite kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    /** The files of the main suite are named after the command. */
    private static String fileName(Technique.Suite kind) {
        return kind == Technique.Suite.COMPRESSION ? "compare" : name(kind);
    }

    /** Measures everything; false if something asked for could not be measured. */
    boolean run() throws IOException {
        table.begin();
        suite.run(request, this);
        table.end(suite.protocol(request));
        err.println("written: " + json + ", " + page);
        return !failed;
    }

    @Override
    public void doing(String what) {
        status.show(what);
    }

    @Override
    public void noted(String message) {
        status.clear();
        err.println(message);
    }

    @Override
    public void measured(Result.Row row) {
        status.clear();
        table.row(row);
        rows.add(row);
        missing.remove(row.name());
        Suite.Finding finding = suite.finding(rows);
        Result result = new Result(
                name(suite.kind()),
                suite.title(),
                finding.headline(),
                finding.sentence(),
                suite.protocol(request),
                command,
                model,
                suite.texts(),
                machine,
                request.seed(),
                suite.columns(),
                suite.charts(),
                rows,
                missing);
        try {
            ResultFile.write(result, json);
            ResultPage.write(List.of(result), List.of(), page);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void failed(TechniqueSpec technique, String why) {
        status.clear();
        err.println("left out, " + technique + ": " + why);
        failed = true;
    }
}
