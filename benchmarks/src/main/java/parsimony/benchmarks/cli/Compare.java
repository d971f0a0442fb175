package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import parsimony.benchmarks.Build;
import parsimony.benchmarks.Machine;
import parsimony.benchmarks.compare.CompareJob;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.report.HtmlReport;
import parsimony.benchmarks.report.ResultFile;
import parsimony.benchmarks.report.TerminalTable;
import parsimony.benchmarks.suite.Suite;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Speed;
import parsimony.core.io.LanguageModel;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.WeightStorage;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "compare",
        description = {
            "Apply techniques to copies of a model and show what each costs and saves: size, quality on held-out text, speed, memory.",
            "Of the default text it reads a sample of " + Compare.TEXT_BYTES + " bytes, with --quick of "
                    + Compare.QUICK_TEXT_BYTES + ".",
            "Writes a JSON record and a page for the browser beside the table, anew with each row: a run that is stopped leaves the rows that it finished."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony compare",
            "  parsimony compare --quick",
            "  parsimony compare --apply rtn:bits=4,group=32 --apply rtn:bits=3,group=32",
            "  parsimony compare --suite finetune"
        })
final class Compare implements Callable<Integer> {
    private static final int TABLE_WIDTH = 120;
    static final long TEXT_BYTES = 64_000;
    static final long QUICK_TEXT_BYTES = 20_000;
    private static final Duration QUICK_TIME = Duration.ofSeconds(105);
    private static final Speed.Options QUICK_SPEED = new Speed.Options(128, 16, Duration.ofMillis(250), 9, 0);
    private static final int QUICK_SEQUENCES = 4;

    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--apply",
            paramLabel = "SPEC",
            converter = AppliedTechnique.Converter.class,
            description = "A technique with its options, such as rtn:bits=4,group=32; + applies another to its result. "
                    + "Repeat it for more rows (default: what each technique shows of itself).")
    private List<AppliedTechnique> apply = List.of();

    @Mixin
    private HeldOutOptions heldOut;

    @Mixin
    private CalibrationOptions calibration;

    @Option(
            names = "--suite",
            paramLabel = "NAME",
            defaultValue = "compression",
            description =
                    "What to compare: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}). All but the first have texts of their own.")
    private Technique.Suite suite;

    @Option(names = "--quick", description = "One row a technique, less text, and no new row after 105 seconds.")
    private boolean quick;

    @Option(
            names = "--output",
            paramLabel = "FOLDER",
            defaultValue = "results",
            description = "Where compare.json and compare.html go (default: ${DEFAULT-VALUE}).")
    private Path output;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        heldOut.check();
        calibration.check();
        if (suite != Technique.Suite.COMPRESSION) {
            return runSuite();
        }
        List<TechniqueSpec> techniques = apply.isEmpty()
                ? CompareJob.showcase(quick)
                : apply.stream().map(AppliedTechnique::spec).toList();
        PrintWriter err = spec.commandLine().getErr();
        Instant began = Instant.now();
        OutputFile.makeFolder(spec, "--output", output);
        LanguageModel opened = model.open();
        HeldOutOptions.Text text = heldOut.read(quick ? QUICK_TEXT_BYTES : TEXT_BYTES, common.seed());
        CompareJob.Options options = new CompareJob.Options(
                techniques,
                text.corpus(),
                text.name(),
                calibration.sequences(opened, common.seed(), quick ? QUICK_SEQUENCES : CalibrationOptions.SEQUENCES),
                heldOut.window(opened.transformer().config().contextLength()),
                quick ? QUICK_SPEED : Speed.Options.DEFAULT,
                quick ? QUICK_TIME : null,
                common.seed());
        try (Backend backend = common.createBackend()) {
            TerminalTable table = new TerminalTable(
                    spec.commandLine().getOut(), System.out.charset(), TABLE_WIDTH, Terminal.coloursOutput());
            err.println(opened.name() + ", " + opened.transformer().config().parameters() + " parameters, on "
                    + backend.name() + ": " + backend.description());
            table.begin();
            StatusLine status = new StatusLine(err, Terminal.showsErrors());
            List<TechniqueSpec> failures = new ArrayList<>();
            Recorder recorder = new Recorder(opened, text, machine(backend, began));
            new CompareJob(opened, backend, options).run(new CompareJob.Listener() {
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
                public void measured(CompareJob.Result soFar) {
                    status.clear();
                    table.row(soFar.rows().getLast());
                    recorder.record(soFar);
                }

                @Override
                public void skipped(TechniqueSpec technique) {
                    status.clear();
                    err.println("left out, the time is up: " + technique);
                }

                @Override
                public void failed(TechniqueSpec technique, TechniqueException why) {
                    status.clear();
                    err.println("left out, " + technique + ": " + why.getMessage());
                    failures.add(technique);
                }
            });
            table.end(recorder.last.text());
            err.println("written: " + recorder.json + ", " + recorder.page);
            return failures.isEmpty() ? ExitCode.OK : ExitCode.SOFTWARE;
        }
    }

    private int runSuite() throws IOException {
        Suite chosen = Suite.all().stream()
                .filter(candidate -> candidate.kind() == suite)
                .findAny()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        "there is no suite " + SuiteRun.name(suite) + " yet; there are compression, "
                                + Suite.all().stream()
                                        .map(known -> SuiteRun.name(known.kind()))
                                        .collect(Collectors.joining(", "))));
        List<TechniqueSpec> techniques = apply.isEmpty()
                ? Suite.showcase(suite, quick)
                : apply.stream().map(AppliedTechnique::spec).toList();
        Instant began = Instant.now();
        OutputFile.makeFolder(spec, "--output", output);
        LanguageModel opened = model.open();
        try (Backend backend = common.createBackend()) {
            Suite.Request request = new Suite.Request(opened, backend, techniques, quick, common.seed());
            boolean complete = new SuiteRun(
                            chosen,
                            request,
                            spec.commandLine().getOut(),
                            spec.commandLine().getErr(),
                            output,
                            command(),
                            modelRecord(opened),
                            machine(backend, began))
                    .run();
            return complete ? ExitCode.OK : ExitCode.SOFTWARE;
        }
    }

    private static Comparison.ModelRecord modelRecord(LanguageModel opened) {
        return new Comparison.ModelRecord(
                opened.name(), sha256(opened), opened.transformer().config().parameters());
    }

    /** Keeps the files up to date with the rows. */
    private final class Recorder {
        private final Path json = output.resolve("compare.json");
        private final Path page = output.resolve("compare.html");
        private final Comparison.ModelRecord opened;
        private final HeldOutOptions.Text heldOut;
        private final Comparison.MachineRecord machine;
        private Comparison last;

        Recorder(LanguageModel opened, HeldOutOptions.Text heldOut, Comparison.MachineRecord machine) {
            this.opened = modelRecord(opened);
            this.heldOut = heldOut;
            this.machine = machine;
        }

        void record(CompareJob.Result result) {
            last = new Comparison(
                    command(),
                    opened,
                    new Comparison.TextRecord(
                            heldOut.name(),
                            heldOut.corpus().sha256(),
                            result.protocol().bytes(),
                            result.protocol().tokens(),
                            result.protocol().windows()),
                    machine,
                    common.seed(),
                    result.rows(),
                    result.missing().stream().map(TechniqueSpec::toString).toList());
            try {
                ResultFile.write(last, json);
                HtmlReport.write(last, page);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** What to type to get this again. */
    private String command() {
        return "./parsimony "
                + String.join(
                        " ", spec.commandLine().getParent().getParseResult().originalArgs());
    }

    private Comparison.MachineRecord machine(Backend backend, Instant began) {
        Machine machine = Machine.here();
        return new Comparison.MachineRecord(
                machine.java(),
                machine.processor(),
                machine.cores(),
                machine.memoryBytes(),
                backend.threads(),
                backend.name(),
                machine.system(),
                Build.commit().orElse("unknown"),
                began.truncatedTo(ChronoUnit.SECONDS).toString());
    }

    /** Over all matrices and vectors as 32-bit floats, in the order of the checkpoint. */
    private static String sha256(LanguageModel model) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (WeightStorage matrix : model.transformer().matrices().values()) {
                float[] row = new float[matrix.columns()];
                for (int r = 0; r < matrix.rows(); r++) {
                    matrix.decodeRow(r, row, 0);
                    digest.update(bytes(row));
                }
            }
            model.transformer().vectors().values().forEach(vector -> digest.update(bytes(vector.array())));
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    private static byte[] bytes(float[] row) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * row.length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(row);
        return buffer.array();
    }
}
