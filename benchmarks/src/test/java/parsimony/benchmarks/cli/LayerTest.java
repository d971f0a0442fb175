package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.cli.Cli.Outcome;
import parsimony.core.io.SafeTensors;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LayerTest {
    @TempDir
    private Path folder;

    private Path file;

    @BeforeEach
    void make() throws IOException {
        file = Cli.layer(folder.resolve("layer.safetensors"), 6, 32, 20);
    }

    private static JsonNode results(Outcome outcome) {
        return new JsonMapper().readTree(outcome.succeeds().out()).path("results");
    }

    @Test
    void shows_a_table() {
        String out = Cli.run("layer", file, "--apply", "rtn:bits=3,group=16", "--apply", "dense:type=f16")
                .succeeds()
                .out();

        List<String> lines = out.lines().toList();
        assertThat(lines).hasSize(3);
        assertThat(lines.get(0)).contains("technique", "error", "zeros", "bits/weight", "outliers");
        assertThat(lines.get(1)).startsWith("rtn:bits=3,group=16 ");
        assertThat(lines.get(2)).startsWith("dense:type=f16 ").contains(" - ").contains("16.000");
    }

    @Test
    void gives_json_alone_in_the_order_of_the_call() {
        JsonNode results = results(Cli.run(
                "layer", file, "--apply", "rtn:bits=4,group=16", "--apply", "dense", "--apply", "rtn", "--json", "-"));

        assertThat(results).hasSize(3);
        assertThat(results.path(0).path("technique").stringValue()).isEqualTo("rtn:bits=4,group=16");
        assertThat(results.path(2).path("technique").stringValue()).isEqualTo("rtn");
        JsonNode first = results.path(0);
        assertThat(first.propertyNames())
                .containsExactly("technique", "error", "roundToNearestError", "zeros", "bitsPerWeight", "outliers");
        assertThat(first.path("error").doubleValue()).isPositive();
        assertThat(first.path("roundToNearestError").doubleValue())
                .isEqualTo(first.path("error").doubleValue());
        assertThat(first.path("zeros").isIntegralNumber()).isTrue();
        assertThat(first.path("outliers").isNull()).isTrue();
        JsonNode dense = results.path(1);
        assertThat(dense.path("error").doubleValue()).isZero();
        assertThat(dense.path("roundToNearestError").isNull()).isTrue();
        assertThat(dense.path("bitsPerWeight").doubleValue()).isEqualTo(32);
    }

    @Test
    void the_error_is_that_of_the_weights_it_writes() throws IOException {
        Path output = folder.resolve("q.safetensors");
        Path json = folder.resolve("results.json");
        for (String scaleType : List.of("f32", "f16")) {
            Cli.run(
                            "layer",
                            file,
                            "--apply",
                            "rtn:bits=2",
                            "--output",
                            output,
                            "--json",
                            json,
                            "--scale-type",
                            scaleType)
                    .succeeds();

            JsonNode result = new JsonMapper()
                    .readTree(Files.readAllBytes(json))
                    .path("results")
                    .path(0);
            assertThat(result.path("error").doubleValue())
                    .isCloseTo(
                            error(SafeTensors.open(output)
                                    .tensor("weight")
                                    .matrix()
                                    .decode()),
                            within(1e-6));
        }

        Cli.run("layer", file, "--apply", "rtn:bits=2", "--apply", "rtn:bits=3", "--output", output)
                .succeeds();
        assertThat(SafeTensors.open(output).tensors()).containsOnlyKeys("rtn:bits=2", "rtn:bits=3");
    }

    private double error(Tensor result) throws IOException {
        SafeTensors tensors = SafeTensors.open(file);
        Tensor weight = tensors.tensor("weight").matrix().decode();
        Tensor inputs = tensors.tensor("inputs").matrix().decode();
        double sum = 0;
        for (int n = 0; n < inputs.rows(); n++) {
            for (int row = 0; row < weight.rows(); row++) {
                double difference = 0;
                for (int i = 0; i < 32; i++) {
                    double lost = (double) weight.array()[row * 32 + i] - result.array()[row * 32 + i];
                    difference += lost * inputs.array()[n * 32 + i];
                }
                sum += difference * difference;
            }
        }
        return sum;
    }

    @Test
    void reads_doubles() throws IOException {
        ByteBuffer content = ByteBuffer.allocate(1000).order(ByteOrder.LITTLE_ENDIAN);
        byte[] header = """
                {"weight":{"dtype":"F64","shape":[1,2],"data_offsets":[0,16]},\
                "inputs":{"dtype":"F64","shape":[1,2],"data_offsets":[16,32]}}""".getBytes(StandardCharsets.UTF_8);
        content.putLong(header.length).put(header);
        content.putDouble(1).putDouble(0.3).putDouble(2).putDouble(1);
        Files.write(file, Arrays.copyOf(content.array(), content.position()));

        JsonNode result = results(Cli.run("layer", file, "--apply", "rtn:bits=2", "--json", "-"))
                .path(0);

        // The grid is 0, 1/3, 2/3, 1.
        assertThat(result.path("error").doubleValue()).isCloseTo(0.1 / 3 * 0.1 / 3, within(1e-6));
    }

    @Test
    void refuses_what_cannot_be_done() throws IOException {
        Cli.run("layer", file).isWronglyCalled("--apply");
        Cli.run("layer", "--apply", "rtn").isWronglyCalled("FILE");
        Cli.run("layer", file, "--apply", "rtn:bits=1").isWronglyCalled("bits must be from 2 to 8, not 1");
        Cli.run("layer", file, "--apply", "rtn", "--scale-type", "f8").isWronglyCalled("--scale-type");
        Cli.run("layer", file, "--apply", "rtn", "--json", folder.resolve("none/x.json"))
                .isWronglyCalled("--json", "does not exist");
        Cli.run("layer", file, "--apply", "rtn", "--output", folder).isWronglyCalled("--output", "is a folder");
        Cli.run("layer", folder.resolve("none"), "--apply", "rtn").fails("there is no such file");

        write(Map.of("weight", Tensor.zeros(2, 4)));
        Cli.run("layer", file, "--apply", "rtn").fails("there is no tensor \"inputs\"");
        write(Map.of("weight", Tensor.zeros(2, 4), "inputs", Tensor.zeros(3, 5)));
        Cli.run("layer", file, "--apply", "rtn").fails("inputs [3, 5] do not fit weight [2, 4]");
        write(Map.of("weight", Tensor.zeros(2, 4), "inputs", Tensor.of(new float[] {1, 2, Float.NaN, 3}, 1, 4)));
        Cli.run("layer", file, "--apply", "rtn").fails("\"inputs\" holds NaN; all numbers must be finite");
        write(Map.of("weight", Tensor.zeros(2, 4), "inputs", Tensor.zeros(0, 4)));
        Cli.run("layer", file, "--apply", "rtn").fails("\"inputs\" has no numbers");
    }

    private void write(Map<String, Tensor> tensors) throws IOException {
        Map<String, WeightStorage> matrices = new TreeMap<>();
        tensors.forEach((name, tensor) -> matrices.put(name, new TensorStorage(tensor)));
        SafeTensors.write(file, DataType.F32, matrices, Map.of(), Map.of());
    }

    @Test
    void the_errors_of_the_papers_code_come_out() throws IOException {
        JsonNode fixture = new JsonMapper().readTree(Files.readAllBytes(Cli.shared("fixtures/gptq.json")));
        write(Map.of("weight", matrix(fixture.path("W")), "inputs", matrix(fixture.path("X"))));
        for (JsonNode recorded : fixture.path("cases")) {
            boolean plain = recorded.path("x").stringValue().equals("X")
                    && !recorded.path("mse").booleanValue();
            if (plain) {
                String technique = "rtn:bits=" + recorded.path("bits").intValue() + ",group="
                        + recorded.path("group").intValue() + ",symmetric="
                        + recorded.path("sym").booleanValue();
                JsonNode result = results(Cli.run("layer", file, "--apply", technique, "--json", "-"))
                        .path(0);
                double expected = recorded.path("rtn_err").doubleValue();
                assertThat(result.path("error").doubleValue())
                        .as(technique)
                        .isCloseTo(expected, within(1e-6 * expected));
            }
        }
    }

    private static Tensor matrix(JsonNode rows) {
        Tensor matrix = Tensor.zeros(rows.size(), rows.path(0).size());
        for (int i = 0; i < matrix.size(); i++) {
            matrix.array()[i] = (float)
                    rows.path(i / matrix.columns()).path(i % matrix.columns()).doubleValue();
        }
        return matrix;
    }
}
