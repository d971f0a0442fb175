package parsimony.benchmarks;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.stream.Stream;
import parsimony.benchmarks.result.Result.MachineRecord;

/**
 * What a measurement was made on.
 *
 * @param java version and vendor
 * @param processor the model's name, or the architecture where it has none
 * @param cores that this process may use
 * @param simd the width of the vectors that Java prefers here
 * @param memoryBytes of the machine, or of the container that we are in
 * @param system operating system, version and architecture
 */
public record Machine(String java, String processor, int cores, String simd, long memoryBytes, String system) {
    /** The machine that we run on. */
    public static Machine here() {
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return new Machine(
                Runtime.version() + " " + System.getProperty("java.vendor"),
                findProcessor(),
                Runtime.getRuntime().availableProcessors(),
                findSimd(),
                system.getTotalMemorySize(),
                system.getName() + " " + system.getVersion() + " " + system.getArch());
    }

    /**
     * What stands beside a measurement.
     *
     * @param backend that was measured; empty if there are several, which rows then name
     * @param threads of what was measured
     */
    public MachineRecord record(String backend, int threads, Instant began) {
        return new MachineRecord(
                java,
                processor,
                cores,
                memoryBytes,
                threads,
                backend,
                system,
                Build.commit().orElse("unknown"),
                began.truncatedTo(ChronoUnit.SECONDS).toString());
    }

    private static String findProcessor() {
        try {
            Path linux = Path.of("/proc/cpuinfo");
            if (Files.isReadable(linux)) {
                try (Stream<String> lines = Files.lines(linux, StandardCharsets.UTF_8)) {
                    return lines.filter(line -> line.startsWith("model name"))
                            .map(line -> line.substring(line.indexOf(':') + 1).strip())
                            .findFirst()
                            .orElseGet(() -> System.getProperty("os.arch"));
                }
            }
            Path mac = Path.of("/usr/sbin/sysctl");
            if (Files.isExecutable(mac)) {
                Process process = new ProcessBuilder(mac.toString(), "-n", "machdep.cpu.brand_string").start();
                return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            }
        } catch (IOException _) {
            // The architecture is all that we know then.
        }
        return System.getProperty("os.arch");
    }

    /** Asks by reflection, so that this much can also be said where the module is missing. */
    private static String findSimd() {
        try {
            Object shape = Class.forName("jdk.incubator.vector.VectorShape")
                    .getMethod("preferredShape")
                    .invoke(null);
            int bits = (int) shape.getClass().getMethod("vectorBitSize").invoke(shape);
            return bits + " bits, " + bits / Float.SIZE + " floats at a time (" + shape + ")";
        } catch (ReflectiveOperationException _) {
            return "none, because Java was started without --add-modules=jdk.incubator.vector";
        }
    }
}
