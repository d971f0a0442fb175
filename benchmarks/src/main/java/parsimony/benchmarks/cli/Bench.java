package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import parsimony.benchmarks.Roofline;
import parsimony.benchmarks.jmh.BenchmarkRun;
import parsimony.benchmarks.jmh.BenchmarkRun.BenchmarkException;
import parsimony.benchmarks.report.ResultPage;
import parsimony.benchmarks.report.TerminalTable;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.ResultFile;
import parsimony.core.backend.Backends;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "bench",
        description = {
            "Run the microbenchmarks with JMH and show time, rate, and the share of what this machine allows.",
            "--threads holds for all, --backend for those that compare backends; seeds are the benchmarks' own.",
            "Each class of benchmarks is a lesson and gives a file FOLDER/bench/CLASS.json; FOLDER/bench.html has all that were run."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony bench GemmBenchmark",
            "  parsimony bench --quick",
            "  parsimony bench 'PackedMatvec.*packed'"
        })
final class Bench implements Callable<Integer> {
    private static final int TABLE_WIDTH = 120;

    @Parameters(
            arity = "0..1",
            paramLabel = "PATTERN",
            defaultValue = "",
            description = "Only benchmarks whose name, class and method, contains this regular expression.")
    private String pattern;

    @Option(
            names = "--quick",
            description =
                    "One combination of parameters each, for a second, in this process: shows that everything runs.")
    private boolean quick;

    @Option(
            names = "--output",
            paramLabel = "FOLDER",
            defaultValue = "results",
            description = "Where results go (default: ${DEFAULT-VALUE}).")
    private Path output;

    @Mixin
    private CommonOptions common;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter err = spec.commandLine().getErr();
        List<BenchmarkRun> lessons = BenchmarkRun.matching(compiled());
        if (lessons.isEmpty()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "no benchmark's name contains '" + pattern + "'; ./parsimony jmh -l lists them");
        }
        Backends.checkName(common.backendName());
        OutputFile.makeFolder(spec, "--output", output);
        BenchmarkRun.Choice choice = new BenchmarkRun.Choice(
                quick, common.threads(), common.namesBackend() ? Optional.of(common.backendName()) : Optional.empty());
        Roofline roofline = Roofline.read(output, choice.threads()).orElse(null);
        if (roofline == null) {
            err.println("measuring what this machine allows");
            roofline = Roofline.measure(choice.threads());
            roofline.write(output);
        }
        int all = lessons.stream().mapToInt(lesson -> lesson.size(choice)).sum();
        StatusLine status = new StatusLine(err, Terminal.showsErrors());
        Measured measured = new Measured(all, status);
        for (BenchmarkRun lesson : lessons) {
            measured.begin(lesson);
            try {
                lesson.run(choice, roofline, Main.typed(spec), measured);
            } catch (BenchmarkException e) {
                status.clear();
                err.println(e.getMessage());
                return ExitCode.SOFTWARE;
            }
            measured.end();
        }
        err.println("written: " + output.resolve("bench.html"));
        return ExitCode.OK;
    }

    private Pattern compiled() {
        try {
            return Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new ParameterException(
                    spec.commandLine(), "'" + pattern + "' is no regular expression: " + e.getDescription(), e);
        }
    }

    /** Prints rows as they come and keeps the files up to date with them. */
    private final class Measured implements BenchmarkRun.Listener {
        private final int all;
        private final StatusLine status;
        private final long started = System.nanoTime();
        private final List<Result> results = new ArrayList<>();
        private BenchmarkRun lesson;
        private TerminalTable table;
        private Result last;
        private int done;

        Measured(int all, StatusLine status) {
            this.all = all;
            this.status = status;
        }

        void begin(BenchmarkRun next) {
            lesson = next;
            table = null;
            last = null;
            tellProgress();
        }

        @Override
        public void measured(Result soFar) {
            status.clear();
            PrintWriter out = spec.commandLine().getOut();
            if (table == null) {
                out.println(lesson.name() + ": " + soFar.title());
                table = new TerminalTable(
                        out, System.out.charset(), TABLE_WIDTH, Terminal.coloursOutput(), soFar.columns());
                table.begin();
            }
            table.row(soFar.rows().getLast());
            if (last != null) {
                results.removeLast();
            }
            last = soFar;
            results.add(soFar);
            try {
                ResultFile.write(soFar, output.resolve("bench").resolve(lesson.name() + ".json"));
                ResultPage.write(results, List.of(), output.resolve("bench.html"));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            done++;
            tellProgress();
        }

        void end() {
            status.clear();
            table.end(last.protocol());
            spec.commandLine().getOut().println();
        }

        private void tellProgress() {
            String left = "";
            if (done > 0) {
                Duration time = Duration.ofNanos((System.nanoTime() - started) / done * (all - done));
                left = String.format(Locale.ROOT, ", %d:%02d left", time.toMinutes(), time.toSecondsPart());
            }
            status.show(lesson.name() + " (" + done + " of " + all + left + ")");
        }
    }
}
