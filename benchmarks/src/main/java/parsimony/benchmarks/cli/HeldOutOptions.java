package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.text.Corpus;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which text a model's quality is measured on, and how. */
final class HeldOutOptions {
    private static final int LONGEST_WINDOW = 1024;
    private static final String LIBRARIES = "commons-lang3 3.20.0 and commons-collections4 4.5.0";

    @Option(
            names = "--text",
            paramLabel = "FILE",
            arity = "1..*",
            description = "Held-out text files, each read from its own beginning (default: " + LIBRARIES + ").")
    private List<Path> files = List.of();

    @Option(
            names = "--text-bytes",
            paramLabel = "N",
            description = "A sample of about this size of the default text, drawn by --seed.")
    private Long bytes;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "Tokens of a window, an even number (default: the model's context, at most " + LONGEST_WINDOW
                    + ").")
    private Integer context;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    /**
     * The text that was chosen.
     *
     * @param name for people
     */
    record Text(String name, Corpus corpus) {}

    /** Checks what was given before anything else is done. */
    void check() {
        if (bytes != null && bytes < 1) {
            throw wrong("--text-bytes must be at least 1, not " + bytes);
        }
        if (bytes != null && !files.isEmpty()) {
            throw wrong("--text-bytes samples the default text and cannot be given with --text");
        }
        if (context != null && (context < 2 || context % 2 != 0)) {
            throw wrong("--context must be an even number of at least 2, not " + context);
        }
    }

    /**
     * Reads the text.
     *
     * @param sampleBytes how much of the default text to sample unless it was said; null for all of it
     */
    Text read(Long sampleBytes, long seed) throws IOException {
        if (!files.isEmpty()) {
            List<String> names =
                    files.stream().map(file -> file.getFileName().toString()).toList();
            return new Text(String.join(", ", names), Texts.corpus(files));
        }
        Long size = bytes != null ? bytes : sampleBytes;
        return size == null
                ? new Text(LIBRARIES, JavaText.heldOut())
                : new Text(
                        LIBRARIES + " (a sample, seed " + seed + ")", JavaText.sample(JavaText.heldOut(), size, seed));
    }

    /** Tokens of a window for a model with this context. */
    int window(int trained) {
        if (context != null && context > trained) {
            throw wrong("--context must be at most the model's " + trained + ", not " + context);
        }
        // Rounded down to an even number, as windows begin half a window after each other.
        return context == null ? Math.max(2, Math.min(LONGEST_WINDOW, trained) / 2 * 2) : context;
    }

    private ParameterException wrong(String message) {
        return new ParameterException(mixee.commandLine(), message);
    }
}
