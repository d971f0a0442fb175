package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import parsimony.core.AtomicFile;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Where a command's JSON goes: a file, or standard output, which then shows nothing else.
 *
 * @param file null for standard output
 */
record JsonTarget(Path file) {
    private static final JsonMapper MAPPER =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /**
     * Of an option {@code --json FILE|-}; null if it was not given.
     *
     * @throws ParameterException if such a file cannot be written
     */
    static JsonTarget of(CommandSpec spec, String option) {
        if (option == null || option.equals("-")) {
            return option == null ? null : new JsonTarget(null);
        }
        OutputFile.require(spec, "--json", Path.of(option));
        return new JsonTarget(Path.of(option));
    }

    boolean isStandardOutput() {
        return file == null;
    }

    void write(PrintWriter out, Object result) throws IOException {
        String json = MAPPER.writeValueAsString(result);
        if (isStandardOutput()) {
            out.println(json);
        } else {
            AtomicFile.write(file, (json + "\n").getBytes(StandardCharsets.UTF_8));
        }
    }
}
