package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.cli.Cli.Outcome;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class MeasureSpeedTest {
    @TempDir
    private static Path folder;

    private static Path model;

    @BeforeAll
    static void make() throws IOException {
        model = Cli.model(folder.resolve("model"));
    }

    @Test
    void measures_prompt_and_single_tokens() {
        Outcome outcome = Cli.run(
                        "speed",
                        "--model",
                        model,
                        "--prompt-tokens",
                        7,
                        "--tokens",
                        3,
                        "--repetitions",
                        2,
                        "--warm-up",
                        0,
                        "--threads",
                        1,
                        "--json",
                        "-")
                .succeeds();
        JsonNode json = new JsonMapper().readTree(outcome.out());
        assertThat(json.path("prefill").doubleValue()).isPositive();
        assertThat(json.path("decode").doubleValue()).isPositive();
        assertThat(json.path("promptTokens").intValue()).isEqualTo(7);
        assertThat(json.path("threads").intValue()).isEqualTo(1);

        assertThat(Cli.run("speed", "--model", model, "--tokens", 2, "--repetitions", 1, "--prompt-tokens", 9)
                        .succeeds()
                        .out())
                .contains("prompt of 9 tokens", "one by one");
    }

    @Test
    void refuses_impossible_options() {
        Cli.run("speed", "--model", model, "--prompt-tokens", 0)
                .isWronglyCalled("--prompt-tokens", "must be at least 1");
        Cli.run("speed", "--model", model, "--prompt-tokens", 126).isWronglyCalled("the model's context of 128");
    }
}
