package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SuiteRunTest {
    @TempDir
    private Path folder;

    @Test
    void comparesMethodsOfFineTuning() throws IOException {
        Path model = Cli.model(Files.createDirectory(folder.resolve("model")));
        Cli.Outcome outcome = Cli.run(
                "compare",
                "--suite",
                "finetune",
                "--quick",
                "--model",
                model,
                "--output",
                folder.resolve("results"),
                "--apply",
                "lora:rank=2",
                "--apply",
                "full-finetuning",
                "--apply",
                "mezo",
                "--apply",
                "rtn:bits=3");
        assertThat(outcome.exitCode()).as(outcome.err()).isEqualTo(1);
        assertThat(outcome.err()).contains("left out, rtn:bits=3: it is no method of fine-tuning");
        JsonNode result = JsonMapper.shared()
                .readTree(folder.resolve("results/finetune.json").toFile());
        assertThat(result.get("rows").valueStream().map(row -> row.get("name").asString()))
                .as("full fine-tuning first, whose gain the others' are shares of")
                .containsExactly("the model as it is", "full-finetuning", "lora:rank=2", "mezo");
        assertThat(result.get("missing").valueStream().map(JsonNode::asString)).containsExactly("rtn:bits=3");
        JsonNode full = result.get("rows").get(1).get("values");
        JsonNode lora = result.get("rows").get(2).get("values");
        JsonNode mezo = result.get("rows").get(3).get("values");
        assertThat(full.get("share").doubleValue()).isEqualTo(1);
        assertThat(full.get("gain").doubleValue()).isEqualTo(1);
        assertThat(full.get("optimizer").doubleValue())
                .isEqualTo(2 * full.get("gradients").doubleValue());
        assertThat(lora.get("gradients").doubleValue())
                .isEqualTo(4 * lora.get("trainable").doubleValue());
        assertThat(lora.get("activations").doubleValue()).isPositive();
        assertThat(mezo.get("activations").doubleValue()).isZero();
        assertThat(mezo.get("optimizer").doubleValue()).isZero();
        assertThat(mezo.get("step").doubleValue()).isPositive();
        assertThat(outcome.out()).contains("lora:rank=2", "full-finetuning");
        assertThat(folder.resolve("results/finetune.html"))
                .content()
                .contains("lora:rank=2")
                .doesNotContain("{{");
    }

    @Test
    void comparesWaysOfWriting() throws IOException {
        Path model = Cli.model(Files.createDirectory(folder.resolve("model")));
        Cli.Outcome outcome = Cli.run(
                "compare",
                "--suite",
                "speculative",
                "--quick",
                "--model",
                model,
                "--output",
                folder.resolve("results"),
                "--apply",
                "speculative:tokens=2,draft=" + model,
                "--apply",
                "medusa:epochs=1,nodes=3");
        outcome.succeeds();
        JsonNode rows = JsonMapper.shared()
                .readTree(folder.resolve("results/speculative.json").toFile())
                .get("rows");
        assertThat(rows.valueStream().map(row -> row.get("name").asString()))
                .containsExactly(
                        "speculative:draft=" + model + ",tokens=2",
                        "editing: speculative:draft=" + model + ",tokens=2",
                        "medusa:nodes=3,epochs=1",
                        "editing: medusa:nodes=3,epochs=1",
                        "drawing: medusa:nodes=3,epochs=1");
        for (JsonNode row : rows) {
            JsonNode values = row.get("values");
            boolean draws = row.get("name").asString().startsWith("drawing");
            assertThat(values.has("same")).isEqualTo(!draws);
            assertThat(values.has("bits")).isEqualTo(draws);
            if (!draws) {
                assertThat(values.get("same").doubleValue()).isEqualTo(1);
            }
        }
        JsonNode itself = rows.get(0).get("values");
        assertThat(itself.get("acceptance").doubleValue())
                .as("a model accepts all that it drafts itself")
                .isEqualTo(1);
        assertThat(itself.get("forced").doubleValue()).isEqualTo(1);
        assertThat(itself.get("perPass").doubleValue()).isGreaterThan(2.5);
    }

    @Test
    void comparesCaches() throws IOException {
        Path model = Cli.model(Files.createDirectory(folder.resolve("model")));
        Cli.Outcome outcome = Cli.run(
                "compare",
                "--suite",
                "kvcache",
                "--quick",
                "--model",
                model,
                "--output",
                folder.resolve("results"),
                "--apply",
                "full",
                "--apply",
                "paged",
                "--apply",
                "window:recent=0.2");
        assertThat(outcome.exitCode()).as(outcome.err()).isZero();
        JsonNode rows = JsonMapper.shared()
                .readTree(folder.resolve("results/kvcache.json").toFile())
                .get("rows");
        List<JsonNode> quality = rows.valueStream()
                .filter(row -> row.get("values").has("loss"))
                .map(row -> row.get("values"))
                .toList();
        assertThat(quality).hasSize(3);
        assertThat(quality.get(0).get("loss").doubleValue()).isZero();
        assertThat(quality.get(0).get("share").doubleValue()).isEqualTo(1);
        assertThat(quality.get(1).get("loss").doubleValue()).isZero();
        assertThat(quality.get(2).get("share").doubleValue()).isLessThan(1);
        List<JsonNode> long2048 = rows.valueStream()
                .map(row -> row.get("values"))
                .filter(values -> values.has("decode") && values.get("tokens").doubleValue() == 2048)
                .toList();
        assertThat(long2048).hasSize(3);
        assertThat(long2048.get(0).get("each").doubleValue()).isEqualTo(2 * 2 * 8 * 64 * 4);
        assertThat(long2048.get(2).get("share").doubleValue()).isBetween(0.2, 0.3);
        assertThat(long2048.get(1).get("sequences").intValue())
                .isGreaterThan(long2048.get(0).get("sequences").intValue());
        assertThat(rows.valueStream()
                        .map(row -> row.get("values"))
                        .filter(values -> values.has("bits") && values.has("tokens"))
                        .mapToInt(values -> values.get("tokens").intValue()))
                .as("the long text, once for every technique")
                .containsExactly(1024, 2048, 1024, 2048, 1024, 2048);
    }

    @Test
    void aSuiteThatDoesNotExistIsRefused() {
        Cli.run("compare", "--suite", "speed", "--output", folder.resolve("results"))
                .isWronglyCalled("speed");
    }
}
