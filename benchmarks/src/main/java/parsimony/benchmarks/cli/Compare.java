package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import parsimony.benchmarks.Machine;
import parsimony.benchmarks.report.TerminalTable;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.suite.CompressionSuite;
import parsimony.benchmarks.suite.Suite;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Speed;
import parsimony.core.io.LanguageModel;
import parsimony.core.technique.Technique;
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
        List<TechniqueSpec> techniques = apply.isEmpty()
                ? Suite.showcase(suite, quick)
                : apply.stream().map(AppliedTechnique::spec).toList();
        PrintWriter err = spec.commandLine().getErr();
        Instant began = Instant.now();
        OutputFile.makeFolder(spec, "--output", output);
        LanguageModel opened = model.open();
        Suite chosen = suite == Technique.Suite.COMPRESSION ? compression(opened) : suiteOf(suite);
        try (Backend backend = common.createBackend()) {
            err.println(opened.name() + ", " + opened.transformer().config().parameters() + " parameters, on "
                    + backend.name() + ": " + backend.description());
            boolean complete = new SuiteRun(
                            chosen,
                            new Suite.Request(opened, backend, techniques, quick, common.seed()),
                            new TerminalTable(
                                    spec.commandLine().getOut(),
                                    System.out.charset(),
                                    TABLE_WIDTH,
                                    Terminal.coloursOutput(),
                                    chosen.columns()),
                            err,
                            output,
                            Main.typed(spec),
                            new Result.ModelRecord(
                                    opened.name(),
                                    sha256(opened),
                                    opened.transformer().config().parameters()),
                            Machine.here().record(backend.name(), backend.threads(), began))
                    .run();
            return complete ? ExitCode.OK : ExitCode.SOFTWARE;
        }
    }

    private Suite compression(LanguageModel opened) throws IOException {
        HeldOutOptions.Text text = heldOut.read(quick ? QUICK_TEXT_BYTES : TEXT_BYTES, common.seed());
        return new CompressionSuite(new CompressionSuite.Options(
                text.corpus(),
                text.name(),
                calibration.sequences(opened, common.seed(), quick ? QUICK_SEQUENCES : CalibrationOptions.SEQUENCES),
                heldOut.window(opened.transformer().config().contextLength()),
                quick ? QUICK_SPEED : Speed.Options.DEFAULT,
                quick ? QUICK_TIME : null));
    }

    private Suite suiteOf(Technique.Suite kind) {
        return Suite.all().stream()
                .filter(candidate -> candidate.kind() == kind)
                .findAny()
                .orElseThrow(() -> new ParameterException(
                        spec.commandLine(),
                        "there is no suite " + SuiteRun.name(kind) + " yet; there are compression, "
                                + Suite.all().stream()
                                        .map(known -> SuiteRun.name(known.kind()))
                                        .collect(Collectors.joining(", "))));
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
