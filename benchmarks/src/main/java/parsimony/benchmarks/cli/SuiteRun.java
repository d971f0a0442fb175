package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.report.ResultFile;
import parsimony.benchmarks.report.SuitePage;
import parsimony.benchmarks.report.SuiteTable;
import parsimony.benchmarks.suite.Suite;
import parsimony.benchmarks.suite.SuiteResult;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueSpec;

/** Runs a suite, prints its table as it goes on, and keeps its two files up to date with the rows. */
final class SuiteRun implements Suite.Listener {
    private final Suite suite;
    private final Suite.Request request;
    private final SuiteTable table;
    private final StatusLine status;
    private final PrintWriter err;
    private final Path json;
    private final Path page;
    private final String command;
    private final Comparison.ModelRecord model;
    private final Comparison.MachineRecord machine;
    private final List<SuiteResult.Row> rows = new ArrayList<>();
    private final List<String> missing = new ArrayList<>();
    private boolean failed;

    SuiteRun(
            Suite suite,
            Suite.Request request,
            PrintWriter out,
            PrintWriter err,
            Path folder,
            String command,
            Comparison.ModelRecord model,
            Comparison.MachineRecord machine) {
        this.suite = suite;
        this.request = request;
        this.err = err;
        this.command = command;
        this.model = model;
        this.machine = machine;
        table = new SuiteTable(out, suite.columns());
        status = new StatusLine(err, Terminal.showsErrors());
        json = folder.resolve(name(suite.kind()) + ".json");
        page = folder.resolve(name(suite.kind()) + ".html");
        request.techniques().forEach(spec -> missing.add(spec.toString()));
    }

    /** What a kind is called on the command line. */
    static String name(Technique.Suite kind) {
        return kind.name().toLowerCase(Locale.ROOT);
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
    public void measured(SuiteResult.Row row) {
        status.clear();
        table.row(row);
        rows.add(row);
        missing.remove(row.name());
        SuiteResult result = new SuiteResult(
                name(suite.kind()),
                suite.title(),
                suite.protocol(request),
                command,
                model,
                machine,
                request.seed(),
                suite.columns(),
                suite.charts(),
                rows,
                missing);
        try {
            ResultFile.write(result, json);
            SuitePage.write(result, page);
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
