package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.cli.Cli.Outcome;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EvaluateTest {
    @TempDir
    private static Path folder;

    private static Path model;
    private static Path text;

    @BeforeAll
    static void make() throws IOException {
        model = Cli.model(folder.resolve("model"));
        text = Files.writeString(folder.resolve("A.java"), "public final class A {\n    int x = 0;\n}\n".repeat(20));
    }

    private static JsonNode json(Outcome outcome) {
        return new JsonMapper().readTree(outcome.succeeds().out());
    }

    @Test
    void states_the_protocol_beside_the_numbers() {
        Outcome outcome = Cli.run("evaluate", "--model", model, "--text", text).succeeds();

        assertThat(outcome.out())
                .contains("bits per byte", "perplexity a token", "A.java: 1 files, 800 bytes")
                .contains("context 128, stride 64, token 0 at the start of each file, every byte scored once");
        assertThat(outcome.err()).isEmpty();
    }

    @Test
    void compares_with_a_reference() {
        JsonNode same =
                json(Cli.run("evaluate", "--model", model, "--text", text, text, "--reference", model, "--json", "-"));
        assertThat(same.path("klDivergence").doubleValue()).isCloseTo(0, within(1e-6));
        assertThat(same.path("topOneAgreement").doubleValue()).isEqualTo(1);
        assertThat(same.path("protocol").path("documents").intValue()).isEqualTo(2);

        Path compressed = folder.resolve("compressed");
        Cli.run("compress", "--model", model, "--apply", "rtn:bits=3,group=16", "--output", compressed)
                .succeeds();
        JsonNode other = json(Cli.run(
                "evaluate",
                "--model",
                compressed,
                "--text",
                text,
                "--reference",
                model,
                "--context",
                64,
                "--json",
                "-"));
        assertThat(other.path("klDivergence").doubleValue()).isGreaterThan(0.01);
        assertThat(other.path("topOneAgreement").doubleValue()).isBetween(0.0, 0.99);
        assertThat(other.path("reference").stringValue()).isEqualTo("model");
        assertThat(other.path("protocol").path("stride").intValue()).isEqualTo(32);
    }

    @Test
    void writes_json_beside_the_summary() throws IOException {
        Path result = folder.resolve("result.json");
        Outcome outcome = Cli.run("evaluate", "--model", model, "--text", text, "--json", result)
                .succeeds();

        JsonNode json = new JsonMapper().readTree(Files.readAllBytes(result));
        assertThat(json.path("reference").isNull()).isTrue();
        assertThat(outcome.out())
                .contains(String.format(
                        Locale.ROOT, "%.5f", json.path("bitsPerByte").doubleValue()));
    }

    @Test
    void samples_the_default_text() {
        JsonNode json = json(Cli.run("evaluate", "--model", model, "--text-bytes", 1, "--seed", 2, "--json", "-"));
        assertThat(json.path("statement").stringValue()).contains("commons-lang3 3.20.0", "a sample, seed 2): 1 files");
    }

    @Test
    void refuses_impossible_options() throws IOException {
        Cli.run("evaluate", "--model", model, "--context", 7).isWronglyCalled("--context must be an even number", "7");
        Cli.run("evaluate", "--model", model, "--text", text, "--context", 130)
                .isWronglyCalled("--context must be at most the model's 128, not 130");
        Cli.run("evaluate", "--model", model, "--text-bytes", 0).isWronglyCalled("--text-bytes must be at least 1");
        Cli.run("evaluate", "--model", model, "--text", text, "--text-bytes", 9).isWronglyCalled("--text-bytes");
        Cli.run("evaluate", "--model", model, "--text", text, "--json", folder)
                .isWronglyCalled("--json", "is a folder");
        Cli.run("evaluate", "--model", model, "--text", folder.resolve("none.txt"))
                .fails("there is no file");
        Path empty = Files.writeString(folder.resolve("empty.txt"), "");
        Cli.run("evaluate", "--model", model, "--text", empty).fails("nothing to evaluate in empty.txt");
        Path tiny = folder.resolve("tiny.gguf");
        Cli.run("synthesize", "--shape", "tiny", "--output", tiny).succeeds();
        Cli.run("evaluate", "--model", model, "--text", text, "--reference", tiny)
                .fails("--reference cuts the text into other tokens");
    }

    @Test
    void a_known_model_has_its_known_perplexity() throws IOException {
        Path stories = Cli.shared("models/stories260K.bin");
        JsonNode recorded =
                new JsonMapper().readTree(Files.readAllBytes(Cli.shared("fixtures/llama2c_stories260K.json")));
        Path story = Files.writeString(
                folder.resolve("story.txt"), recorded.path("ppl_text").stringValue());

        JsonNode json = json(Cli.run("evaluate", "--model", stories, "--text", story, "--json", "-"));

        assertThat(json.path("perplexity").doubleValue())
                .isCloseTo(recorded.path("ppl_f64").doubleValue(), within(1e-5));
    }
}
