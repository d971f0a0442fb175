package parsimony.benchmarks.cli;

import java.util.ArrayList;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import picocli.CommandLine.Option;

/** The options of every command. */
public final class CommonOptions {
    /** More would only wait for each other. */
    private static final int MOST_THREADS_A_CORE = 16;

    @Option(
            names = "--seed",
            paramLabel = "N",
            defaultValue = "1",
            description = "Seed of everything random (default: ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--threads", paramLabel = "N", description = "Threads to compute on (default: one per core).")
    private Integer threads;

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            completionCandidates = BackendNames.class,
            description = "What computes: ${COMPLETION-CANDIDATES} (default: " + Backends.DEFAULT + ").")
    private String backend;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    /** The seed of everything random. */
    public long seed() {
        return seed;
    }

    /**
     * How many threads compute.
     *
     * @throws IllegalArgumentException if fewer than one were asked for, or far more than there are cores
     */
    public int threads() {
        int cores = Runtime.getRuntime().availableProcessors();
        if (threads != null && threads < 1) {
            throw new IllegalArgumentException("--threads must be at least 1, not " + threads);
        }
        if (threads != null && threads > MOST_THREADS_A_CORE * cores) {
            throw new IllegalArgumentException("--threads must be at most " + MOST_THREADS_A_CORE * cores + ", "
                    + MOST_THREADS_A_CORE + " a core, not " + threads);
        }
        return threads == null ? cores : threads;
    }

    /** The name of the backend that was chosen, or of the one that is used unless another is chosen. */
    public String backendName() {
        return backend == null ? Backends.DEFAULT : backend;
    }

    /** Whether a backend was named. */
    public boolean namesBackend() {
        return backend != null;
    }

    /**
     * Makes the backend, for the caller to close.
     *
     * @throws IllegalArgumentException if there is none of that name, or it does not work here
     */
    public Backend createBackend() {
        return Backends.create(backendName(), threads());
    }

    private static final class BackendNames extends ArrayList<String> {
        BackendNames() {
            super(Backends.names());
        }
    }
}
