package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import parsimony.benchmarks.Build;
import parsimony.benchmarks.Machine;
import parsimony.benchmarks.Roofline;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.tensor.Matrix;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "doctor",
        description = {
            "Show what this machine offers: Java, SIMD, cores, memory, and which backends work, each checked by a small product.",
            "With --measure it also shows what the machine allows, and keeps it for bench.",
            "Ends with 1 if a backend computes wrongly, or the one named by --backend does not work."
        },
        footer = {"", "Example:", "  parsimony doctor --backend nd4j", "  parsimony doctor --measure"})
final class Doctor implements Callable<Integer> {
    /** Large enough for a BLAS to take it seriously. */
    private static final int ROWS = 160;

    private static final int INNER = 130;
    private static final int COLUMNS = 120;
    private static final double TOLERANCE = 1e-4;

    @Mixin
    private CommonOptions common;

    @Option(
            names = "--measure",
            description =
                    "Measure, for some five seconds, how fast memory is read and copied and how fast floats are multiplied.")
    private boolean measure;

    @Option(
            names = "--output",
            paramLabel = "FOLDER",
            defaultValue = "results",
            description = "Where --measure keeps what it finds (default: ${DEFAULT-VALUE}).")
    private Path output;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        int threads = common.threads();
        if (common.namesBackend()) {
            Backends.checkName(common.backendName());
        }
        Machine machine = Machine.here();
        line(
                out,
                "Parsimony",
                Build.version() + Build.commit().map(id -> ", commit " + id).orElse(""));
        line(out, "Java", machine.java() + ", " + System.getProperty("java.home"));
        line(out, "System", machine.system());
        line(out, "Processor", machine.processor() + ", " + machine.cores() + " cores");
        line(out, "SIMD", machine.simd());
        line(
                out,
                "Memory",
                gibibytes(machine.memoryBytes()) + " in all, heap up to "
                        + gibibytes(Runtime.getRuntime().maxMemory()) + " (" + collectors() + ")");
        List<String> names = common.namesBackend() ? List.of(common.backendName()) : Backends.names();
        boolean wellBehaved = true;
        for (String name : names) {
            wellBehaved &= examine(out, name, threads);
        }
        if (measure) {
            OutputFile.makeFolder(spec, "--output", output);
            Roofline roofline = Roofline.measure(threads);
            roofline.write(output);
            line(
                    out,
                    "limits",
                    String.format(
                            Locale.ROOT,
                            "%.1f GB/s read, %.1f GB/s copied, %.0f GFLOP/s in a product of 1024³ floats, %d threads",
                            roofline.readGigabytes(),
                            roofline.copyGigabytes(),
                            roofline.gigaflops(),
                            roofline.threads()));
            spec.commandLine().getErr().println("written: " + Roofline.file(output));
        }
        return wellBehaved ? 0 : 1;
    }

    private boolean examine(PrintWriter out, String name, int threads) {
        try (Backend backend = Backends.create(name, threads)) {
            double error = check(backend);
            boolean right = error < TOLERANCE;
            String verdict = String.format(Locale.ROOT, "%s (error %.1e)", right ? "works" : "COMPUTES WRONGLY", error);
            line(out, name, verdict + ", " + backend.description());
            backend.launchOverhead().ifPresent(overhead -> line(out, "", "launches: " + overhead));
            return right;
        } catch (IllegalArgumentException e) {
            line(out, name, e.getMessage());
            return !common.namesBackend();
        }
    }

    /** The largest difference from the scalar backend in a product of numbers of size one. */
    private double check(Backend backend) {
        SplittableRandom random = new SplittableRandom(common.seed());
        Matrix a = Matrix.of(new float[ROWS * INNER], ROWS, INNER);
        Matrix b = Matrix.of(new float[COLUMNS * INNER], COLUMNS, INNER);
        for (float[] numbers : List.of(a.data(), b.data())) {
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = (float) random.nextGaussian();
            }
        }
        Matrix expected = Matrix.of(new float[ROWS * COLUMNS], ROWS, COLUMNS);
        Matrix actual = Matrix.of(new float[ROWS * COLUMNS], ROWS, COLUMNS);
        try (Backend scalar = Backends.create("scalar", 1)) {
            scalar.multiply(a, false, b, true, expected, false);
        }
        backend.multiply(a, false, b, true, actual, false);
        double largest = 0;
        for (int i = 0; i < expected.data().length; i++) {
            double difference = Math.abs(expected.data()[i] - actual.data()[i]);
            largest = difference <= largest ? largest : difference;
        }
        return largest;
    }

    private static String collectors() {
        return ManagementFactory.getGarbageCollectorMXBeans().stream()
                .map(GarbageCollectorMXBean::getName)
                .collect(Collectors.joining(", "));
    }

    private static String gibibytes(long bytes) {
        return String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
    }

    private static void line(PrintWriter out, String name, String value) {
        out.printf("%-10s %s%n", name, value);
    }
}
