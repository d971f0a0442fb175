package parsimony.benchmarks.compare;

import java.util.List;

/**
 * Everything that one run of {@code compare} found, with what is needed to judge and repeat it.
 *
 * @param command how to run it again
 * @param model what was compressed
 * @param text what it was measured on
 * @param machine where
 * @param seed of everything random
 * @param rows in the order in which they were measured; the first is the dense model in 32 bits
 * @param missing techniques that were asked for and not measured: the run was stopped before, its time was up, or they cannot be applied
 */
public record Comparison(
        String command,
        ModelRecord model,
        TextRecord text,
        MachineRecord machine,
        long seed,
        List<Measurement> rows,
        List<String> missing) {
    public Comparison {
        rows = List.copyOf(rows);
        missing = List.copyOf(missing);
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("a comparison has at least one row, that of the dense model");
        }
    }

    /** The dense model in 32 bits. */
    public Measurement baseline() {
        return rows.getFirst();
    }

    /** @param sha256 of all weights as they were read */
    public record ModelRecord(String name, String sha256, long parameters) {}

    /**
     * @param name of the held-out text
     * @param sha256 of its bytes
     * @param protocol context, stride and which tokens are scored, in words, without a full stop
     */
    public record TextRecord(String name, String sha256, long bytes, long tokens, String protocol) {}

    /**
     * @param commit of the project, or "unknown"
     * @param time when the run began, ISO 8601
     */
    public record MachineRecord(
            String jdk,
            String processor,
            int cores,
            long memoryBytes,
            int threads,
            String backend,
            String system,
            String commit,
            String time) {}
}
