package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.benchmarks.result.ResultFile;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Linear;
import parsimony.core.model.TransformerConfig;
import tools.jackson.databind.json.JsonMapper;

class CompressTest {
    private static final String PROMPT = "public static int indexOf(";

    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void make() throws IOException {
        model = Cli.model(folder.resolve("model"));
    }

    private static String text(Path model) {
        return Cli.run("generate", "--model", model, "--prompt", PROMPT, "--max-tokens", 10)
                .succeeds()
                .out();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "rtn:bits=3,group=24 | int3 g24",
                "rtn:bits=8,symmetric=true | int8",
                "dense:type=f16 | f16",
                "rtn:bits=4,group=32+dense:type=f32 | f32",
                "sparsegpt:pattern=2:4 | bf16 50 % zero",
                "wanda:pattern=1:4,type=f32 | f32 75 % zero",
                "sparsegpt:pattern=2:4+gptq:bits=4 | int4 50 % zero",
                "sparsegpt:pattern=2:4,bits=3 | int3 50 % zero",
                "magnitude:pattern=2:4+dense:type=bf16 | bf16",
            })
    void a_folder_holds_what_was_made(String technique, String format) throws IOException {
        Path output = folder.resolve("out");

        String report = Cli.run("compress", "--model", model, "--apply", technique, "--output", output)
                .succeeds()
                .out();

        LanguageModel written = LanguageModel.open(output, null);
        assertThat(written.transformer().linears())
                .allMatch(linear -> linear.weight().format().equals(format));
        assertThat(written.transformer().embedding().format()).isEqualTo("bf16");
        assertThat(report).startsWith(output + ": ").contains("bits a compressed weight");
        assertThat(text(output)).startsWith(PROMPT);
        assertThat(remains()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "rtn:bits=8,group=32,symmetric=true | q8_0",
                "rtn:bits=4,group=32,symmetric=true | q4_0",
                "rtn:bits=4,group=32 | q4_1",
                "dense:type=bf16 | bf16",
            })
    void a_gguf_file_says_what_a_folder_says(String technique, String format) throws IOException {
        Path gguf = folder.resolve("out.gguf");
        Path other = folder.resolve("out");

        Cli.run("compress", "--model", model, "--apply", technique, "--output", gguf)
                .succeeds();
        Cli.run("compress", "--model", model, "--apply", technique, "--output", other)
                .succeeds();

        LanguageModel written = LanguageModel.open(gguf, null);
        assertThat(written.transformer().linears())
                .allMatch(linear -> linear.weight().format().equals(format));
        assertThat(text(gguf)).isEqualTo(text(other));
        // From one format to the other and back.
        Path again = folder.resolve("again.gguf");
        Cli.run("compress", "--model", gguf, "--output", again).succeeds();
        assertThat(text(again)).isEqualTo(text(gguf));
        assertThat(remains()).isEmpty();
    }

    /** AWQ also changes what stands before the matrices, so its model is more than the matrices' integers. */
    @Test
    void a_balanced_model_predicts_the_same_from_a_folder_from_a_gguf_file_and_in_memory() throws IOException {
        Path text =
                Files.writeString(folder.resolve("Text.java"), "class Text {\n    int answer = 42;\n}\n".repeat(20));
        Path results = folder.resolve("results");
        Cli.run(
                        "compare",
                        "--quick",
                        "--model",
                        model,
                        "--apply",
                        "awq:bits=4,group=32",
                        "--text",
                        text,
                        "--context",
                        64,
                        "--calibration-sequences",
                        2,
                        "--calibration-tokens",
                        64,
                        "--output",
                        results)
                .succeeds();
        double inMemory = ResultFile.read(results.resolve("compare.json"))
                .rows()
                .getLast()
                .value("perplexity");

        for (String name : List.of("out", "out.gguf")) {
            Path output = folder.resolve(name);
            Cli.run(
                            "compress",
                            "--model",
                            model,
                            "--apply",
                            "awq:bits=4,group=32",
                            "--calibration-sequences",
                            2,
                            "--calibration-tokens",
                            64,
                            "--output",
                            output)
                    .succeeds();
            String json = Cli.run("evaluate", "--model", output, "--text", text, "--context", 64, "--json", "-")
                    .succeeds()
                    .out();
            double perplexity =
                    JsonMapper.shared().readTree(json).get("perplexity").asDouble();
            // Folders keep norms in bf16, GGUF files the offsets of groups in f16.
            assertThat(perplexity).as(name).isCloseTo(inMemory, withinPercentage(0.5));
        }
    }

    @Test
    void a_pruned_model_is_smaller_by_what_is_gone_and_opens_as_a_dense_one() throws IOException {
        Path sparse = folder.resolve("sparse");
        Path dense = folder.resolve("dense");
        Cli.run("compress", "--model", model, "--apply", "wanda:pattern=2:4", "--output", sparse)
                .succeeds();
        Cli.run("compress", "--model", sparse, "--apply", "dense:type=bf16", "--output", dense)
                .succeeds();

        List<Linear> kept = LanguageModel.open(sparse, null).transformer().linears();
        List<Linear> all = LanguageModel.open(dense, null).transformer().linears();
        long difference = 0;
        for (int i = 0; i < kept.size(); i++) {
            float[] weights = all.get(i).weight().decode().array();
            assertThat(weights).containsExactly(kept.get(i).weight().decode().array());
            for (int first = 0; first < weights.length; first += 4) {
                int zeros = 0;
                for (int j = first; j < first + 4; j++) {
                    zeros += weights[j] == 0 ? 1 : 0;
                }
                assertThat(zeros).isEqualTo(2);
            }
            // 16 bits a weight become 9, and 32 bits a row and once more.
            difference += weights.length * 7L / 8 - 4L * (all.get(i).outputs() + 1);
        }
        assertThat(tensorBytes(dense) - tensorBytes(sparse)).isEqualTo(difference);
        assertThat(dense.resolve("config.json")).content().doesNotContain("quantization_config");
    }

    /** What the file holds behind its header. */
    private static long tensorBytes(Path folder) throws IOException {
        byte[] file = Files.readAllBytes(folder.resolve("model.safetensors"));
        return file.length
                - 8
                - ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    }

    @Test
    void a_model_without_some_of_its_heads_and_channels_is_a_smaller_dense_model() throws IOException {
        Path output = folder.resolve("out");
        Cli.run("compress", "--model", model, "--apply", "llm-pruner:ratio=0.5", "--output", output)
                .succeeds();
        TransformerConfig before = LanguageModel.open(model, null).transformer().config();
        TransformerConfig after = LanguageModel.open(output, null).transformer().config();
        assertThat(after.heads()).isLessThan(before.heads());
        assertThat(after.intermediateSize()).isEqualTo(before.intermediateSize() / 2);
        assertThat(text(output)).startsWith(PROMPT);
    }

    @Test
    void numbers_without_a_packed_form_need_a_type() throws IOException {
        Path output = folder.resolve("out.bin");
        Object[] call = {"compress", "--model", model, "--apply", "rtn:bits=3", "--format", "gguf", "--output", output};

        Cli.run(call).fails("out.bin: this format has no packed form for", "(int3)", "--type f16");
        assertThat(output).doesNotExist();

        Object[] typed =
                Stream.concat(Stream.of(call), Stream.of("--type", "f16")).toArray();
        Cli.run(typed).succeeds();
        LanguageModel written = LanguageModel.open(output, null);
        assertThat(written.transformer().linears().getFirst().weight().format()).isEqualTo("f16");
        assertThat(written.transformer().embedding().format()).isEqualTo("f16");
    }

    @Test
    void replaces_an_earlier_model_and_nothing_else() throws IOException {
        Path output = folder.resolve("out");
        Cli.run("compress", "--model", model, "--output", output).succeeds();
        String before = text(output);
        Cli.run("compress", "--model", output, "--apply", "rtn:bits=2,group=16", "--output", output)
                .succeeds();
        assertThat(text(output)).isNotEqualTo(before);

        Files.writeString(output.resolve("notes.md"), "mine");
        Cli.run("compress", "--model", model, "--output", output).fails("notes.md", "name another folder");
        assertThat(output.resolve("notes.md")).hasContent("mine");
        assertThat(remains()).isEmpty();
    }

    @Test
    void refuses_impossible_calls() throws IOException {
        Path output = folder.resolve("out");
        Cli.run("compress", "--model", model).isWronglyCalled("--output");
        Cli.run("compress", "--model", model, "--apply", "rtx", "--output", output)
                .isWronglyCalled("--apply", "there is no technique 'rtx' (did you mean 'rtn'?)");
        Cli.run("compress", "--model", model, "--apply", "rtn:bits=9", "--output", output)
                .isWronglyCalled("rtn: bits must be from 2 to 8, not 9");
        Cli.run("compress", "--model", model, "--apply", "rtn", "--apply", "dense", "--output", output)
                .isWronglyCalled("--apply");
        Cli.run("compress", "--model", model, "--type", "q4_0", "--output", output)
                .isWronglyCalled("--type", "q4_0");
        Cli.run("compress", "--model", model, "--output", folder.resolve("none/out"))
                .isWronglyCalled("does not exist");
        Cli.run("compress", "--model", model, "--format", "gguf", "--output", folder)
                .isWronglyCalled("is a folder");
        Path file = Files.writeString(folder.resolve("file"), "");
        Cli.run("compress", "--model", model, "--format", "gguf", "--output", "/dev/null")
                .isWronglyCalled("no regular file");
        Cli.run("compress", "--model", model, "--output", file).isWronglyCalled("is a file", "--format gguf");
        Cli.run("compress", "--model", model, "--calibration-tokens", 0, "--output", output)
                .isWronglyCalled("--calibration-tokens must be at least 1, not 0");
        assertThat(output).doesNotExist();
    }

    /** What unfinished work left behind. */
    private Stream<Path> remains() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith(".")).toList().stream();
        }
    }
}
