package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import parsimony.core.AtomicFile;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Where a command's results go as JSON, if anywhere: a file, or standard output, which then shows nothing else. */
final class JsonOption {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final String STANDARD_OUTPUT = "-";

    @Option(
            names = "--json",
            paramLabel = "FILE|-",
            description =
                    "Write the results as JSON, to a file or with - to standard output, which then shows nothing else.")
    private String target;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    /**
     * Checks where they are to go before anything else is done.
     *
     * @throws ParameterException if such a file cannot be written
     */
    void check() {
        if (target != null && !takesStandardOutput()) {
            OutputFile.require(mixee, "--json", Path.of(target));
        }
    }

    boolean takesStandardOutput() {
        return STANDARD_OUTPUT.equals(target);
    }

    /** Writes the results, if they are wanted. */
    void write(PrintWriter out, Object results) throws IOException {
        if (target == null) {
            return;
        }
        String json = MAPPER.writeValueAsString(results);
        if (takesStandardOutput()) {
            out.println(json);
        } else {
            AtomicFile.write(Path.of(target), (json + "\n").getBytes(StandardCharsets.UTF_8));
        }
    }
}
