package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class MainTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), args);
    }

    @Test
    void states_its_version() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString()).startsWith("Parsimony ").contains("Java " + Runtime.version());
        assertThat(err.toString()).isEmpty();
    }

    static Stream<String> commands() {
        return Main.commandLine().getSubcommands().keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("commands")
    void every_command_explains_itself_with_an_example(String command) {
        assertThat(run(command, "--help")).isZero();
        assertThat(out.toString())
                .contains("Usage: parsimony " + command, "Example", "parsimony " + command)
                .doesNotContain("\u001b");
    }

    @ParameterizedTest
    @MethodSource("commands")
    void every_command_of_ours_has_the_common_options(String command) {
        if (command.equals("jmh") || command.equals("generate-completion")) {
            // These hand what they are given to others.
            return;
        }
        run(command, "--help");
        assertThat(out.toString()).contains("--seed", "--threads", "--backend", "scalar, vector, nd4j, opencl");
    }

    @Test
    void called_without_a_command_it_lists_them() {
        assertThat(run()).isEqualTo(2);
        assertThat(err.toString()).contains("Usage: parsimony", "doctor");
    }

    @Test
    void a_mistyped_option_is_answered_with_the_nearest() {
        assertThat(run("doctor", "--bakend", "vector")).isEqualTo(2);
        assertThat(err.toString())
                .startsWith("parsimony: Unknown option")
                .contains("--backend", "Try 'parsimony doctor --help'.");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void a_number_that_is_none_is_a_usage_error() {
        assertThat(run("doctor", "--threads", "many")).isEqualTo(2);
        assertThat(err.toString()).contains("--threads", "many");
    }

    @Test
    void no_threads_are_refused_in_one_sentence() {
        assertThat(run("doctor", "--threads", "0")).isEqualTo(1);
        assertThat(err.toString().strip()).isEqualTo("parsimony: --threads must be at least 1, not 0");
    }

    @Test
    void thousands_of_threads_are_refused() {
        assertThat(run("doctor", "--threads", "1000000")).isEqualTo(1);
        assertThat(err.toString()).contains("--threads must be at most", "not 1000000");
    }

    @Test
    void doctor_finds_all_backends_well() {
        assertThat(run("doctor", "--threads", "2")).isZero();
        assertThat(out.toString()
                        .lines()
                        .filter(line -> line.contains("works (error"))
                        .map(line -> line.substring(0, line.indexOf(' '))))
                .contains("scalar", "vector", "nd4j");
        assertThat(out.toString().lines().filter(line -> line.startsWith("opencl ")))
                .as("works, or says why not")
                .hasSize(1);
        assertThat(out.toString()).contains("SIMD", "cores", "heap up to");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void doctor_refuses_an_unknown_backend() {
        assertThat(run("doctor", "--backend", "abacus")).isEqualTo(1);
        assertThat(err.toString().strip())
                .isEqualTo("parsimony: there is no backend 'abacus'; the backends are scalar, vector, nd4j, opencl");
    }

    @Test
    void shell_completion_knows_the_backends() {
        assertThat(run("generate-completion")).isZero();
        assertThat(out.toString()).contains("complete -F", "scalar", "nd4j");
    }

    @Test
    void what_was_to_be_expected_takes_one_sentence() {
        assertThat(runFailing(new NoSuchFileException("model.gguf"))).isEqualTo(1);
        assertThat(err.toString().strip()).isEqualTo("parsimony: there is no file model.gguf");
    }

    @Test
    void the_unexpected_leaves_its_trace_in_a_file() throws IOException {
        assertThat(runFailing(new IllegalStateException("the sky fell"))).isEqualTo(1);
        assertThat(err.toString().lines()).hasSize(1);
        assertThat(err.toString())
                .startsWith("parsimony: internal error, java.lang.IllegalStateException: the sky fell; ");
        Path trace = Path.of(err.toString().strip().replaceFirst(".* is in ", ""));
        assertThat(trace).content().contains("at parsimony.benchmarks.cli.MainTest");
        Files.delete(trace);
    }

    @Test
    void debug_shows_the_trace() {
        assertThat(runFailing(new IOException("disk full"), "--debug")).isEqualTo(1);
        assertThat(err.toString())
                .contains("at parsimony.benchmarks.cli.MainTest")
                .endsWith("parsimony: disk full" + System.lineSeparator());
    }

    private int runFailing(Exception failure, String... options) {
        CommandLine commandLine = Main.commandLine();
        commandLine.addSubcommand("fail", new Failing(failure));
        // Handlers reach the subcommands that are there when they are set.
        commandLine.setExecutionExceptionHandler(commandLine.getExecutionExceptionHandler());
        commandLine.setErr(new PrintWriter(err, true));
        return commandLine.execute(
                Stream.concat(Stream.of(options), Stream.of("fail")).toArray(String[]::new));
    }

    @Command
    private record Failing(Exception failure) implements Callable<Integer> {
        @Override
        public Integer call() throws Exception {
            throw failure;
        }
    }
}
