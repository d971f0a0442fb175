package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.benchmarks.cli.Cli.Outcome;
import tools.jackson.databind.json.JsonMapper;

class GenerateTest {
    @TempDir
    private static Path folder;

    private static Path model;

    @BeforeAll
    static void make() throws IOException {
        model = Cli.model(folder.resolve("model"));
    }

    private static Outcome generate(Object... args) {
        Object[] all = new Object[args.length + 3];
        all[0] = "generate";
        all[1] = "--model";
        all[2] = model;
        System.arraycopy(args, 0, all, 3, args.length);
        return Cli.run(all);
    }

    @Test
    void writes_prompt_and_continuation_and_nothing_else_to_standard_output() {
        Outcome outcome =
                generate("--prompt", "  int x = \"ö🙂", "--max-tokens", 8).succeeds();

        assertThat(outcome.out()).startsWith("  int x = \"ö🙂").endsWith(System.lineSeparator());
        assertThat(outcome.out().length()).isGreaterThan(20);
        assertThat(outcome.err().lines()).hasSize(1);
        assertThat(outcome.err()).contains("model: prompt ", "text 8 tokens", "tokens/s");
        assertThat(generate("--prompt", "  int x = \"ö🙂", "--max-tokens", 8).out())
                .isEqualTo(outcome.out());
    }

    @Test
    void begins_a_text_without_a_prompt_and_ends_it_at_the_context() {
        Outcome outcome = generate().succeeds();
        assertThat(outcome.err()).contains("prompt 1 tokens", "text 128 tokens");
        assertThat(generate("--max-tokens", 129).succeeds().err())
                .contains("the model's context ends after 128 tokens");
        assertThat(generate("--max-tokens", 0).succeeds().out()).isEqualTo(System.lineSeparator());
    }

    @Test
    void writes_the_same_text_in_every_lossless_way() {
        String plain = generate("--prompt", "int x = x + x", "--max-tokens", 30).out();
        for (String strategy : List.of("prompt-lookup:match=1", "jacobi", "lookahead", "speculative:draft=" + model)) {
            Outcome outcome = generate("--prompt", "int x = x + x", "--max-tokens", 30, "--strategy", strategy)
                    .succeeds();
            assertThat(outcome.out()).as(strategy).isEqualTo(plain);
            assertThat(outcome.err()).contains(strategy + ": ", "tokens each", "drafted tokens accepted");
        }
    }

    @Test
    void shows_what_was_accepted() {
        Object[] prompt = {"--prompt", "int x", "--max-tokens", 12};
        String plain = generate(prompt).out();
        Object[] drafted = Stream.concat(
                        Stream.of(prompt), Stream.of("--strategy", "speculative:draft=" + model, "--show-accepted"))
                .toArray();
        String shown = generate(drafted).succeeds().out();
        assertThat(shown)
                .as("a model accepts all that it drafts itself")
                .contains("[")
                .doesNotContain("~");
        assertThat(shown.replace("[", "").replace("]", ""))
                .isEqualTo(plain.replace("[", "").replace("]", ""));
    }

    @Test
    void refuses_a_way_of_writing_that_is_none() {
        generate("--strategy", "rtn:bits=4").isWronglyCalled("rtn is no way of writing", "prompt-lookup");
        generate("--strategy", "speculativ").isWronglyCalled("speculative");
        generate("--strategy", "speculative:draft=" + folder.resolve("none")).fails("speculative", "no such file");
    }

    @Test
    void draws_by_the_seed() {
        String first =
                generate("--temperature", 1, "--max-tokens", 12, "--seed", 5).out();
        assertThat(generate("--temperature", 1, "--max-tokens", 12, "--seed", 5).out())
                .isEqualTo(first);
        assertThat(generate("--temperature", 1, "--max-tokens", 12, "--seed", 6).out())
                .isNotEqualTo(first);
        String greedy = generate("--max-tokens", 12).out();
        assertThat(generate("--temperature", 1, "--top-k", 1, "--max-tokens", 12)
                        .out())
                .isEqualTo(greedy);
        assertThat(generate("--temperature", 1, "--top-p", 1e-9, "--max-tokens", 12)
                        .out())
                .isEqualTo(greedy);
    }

    @Test
    void reads_the_prompt_from_a_file() throws IOException {
        Path file = folder.resolve("prompt.txt");
        Files.writeString(file, "class A {\n");
        assertThat(generate("--prompt-file", file, "--max-tokens", 3).succeeds().out())
                .startsWith("class A {\n");
        Files.write(file, new byte[] {(byte) 0xff, 'x'});
        generate("--prompt-file", file).fails(file + " is not UTF-8 text");
        generate("--prompt-file", folder).fails("is a folder");
        generate("--prompt-file", folder.resolve("none")).fails("there is no file");
        generate("--prompt-file", file, "--prompt", "x").isWronglyCalled("exclude each other");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--temperature | -1 | --temperature must be 0 or more, not -1.0",
                "--temperature | NaN | --temperature must be 0 or more",
                "--top-k | -2 | --top-k must be 0 (all tokens) or more, not -2",
                "--top-p | 0 | --top-p must be above 0 and at most 1",
                "--max-tokens | -1 | --max-tokens must be 0 or more, not -1",
                "--max-tokens | many | many",
                "--seed | x | --seed",
                "--bogus | 1 | Unknown option",
            })
    void refuses_impossible_options(String option, String value, String reason) {
        generate(option, value).isWronglyCalled(reason);
    }

    @Test
    void refuses_what_is_no_model() throws IOException {
        Cli.run("generate", "--model", folder.resolve("none")).fails("none: there is no such file or folder");
        Path text = Files.writeString(folder.resolve("text.txt"), "not a model");
        Cli.run("generate", "--model", text).fails("this is no model");
        Cli.run("generate", "--tokenizer", text).isWronglyCalled("embedded model");
        generate("--prompt", "x ".repeat(200)).fails("more than the model's context of 128; shorten it");
        generate("--backend", "abacus").fails("there is no backend 'abacus'");
    }

    @Test
    void a_known_model_goes_on_as_recorded() throws IOException {
        Path stories = Cli.shared("models/stories260K.bin");
        String recorded = new JsonMapper()
                .readTree(Files.readAllBytes(Cli.shared("fixtures/llama2c_stories260K.json")))
                .path("greedy_text_n256")
                .stringValue();

        assertThat(Cli.run("generate", "--model", stories).succeeds().out()).isEqualToNormalizingNewlines(recorded);
        Path gguf = folder.resolve("stories.gguf");
        Cli.run("compress", "--model", stories, "--output", gguf).succeeds();
        assertThat(Cli.run("generate", "--model", gguf).succeeds().out()).isEqualToNormalizingNewlines(recorded);
        Path written = folder.resolve("stories");
        Cli.run("compress", "--model", stories, "--output", written).succeeds();
        assertThat(Cli.run("generate", "--model", written).succeeds().out()).isEqualToNormalizingNewlines(recorded);
    }
}
