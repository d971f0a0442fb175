package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.opencl.OpenClDevice;
import parsimony.core.io.AdapterFile;

class FineTuneTest {
    @TempDir
    private Path folder;

    private Path model;
    private final List<Object> data = new ArrayList<>();

    @BeforeEach
    void makeModelAndText() throws IOException {
        model = Cli.model(Files.createDirectory(folder.resolve("base")));
        data.add("--data");
        for (int i = 0; i < 20; i++) {
            String text = "object Text%d {\n  def answer: Int = %d\n}\n"
                    .formatted(i, i)
                    .repeat(20);
            data.add(Files.writeString(folder.resolve("Text" + i + ".scala"), text));
        }
    }

    private Cli.Outcome tune(Object... more) {
        List<Object> all = new ArrayList<>(List.of("finetune", "--model", model));
        all.addAll(data);
        all.addAll(Arrays.asList(more));
        return Cli.run(all.toArray());
    }

    private Cli.Outcome tune(String method, int steps, Path output) {
        return tune(
                "--method", method, "--context", 64, "--tokens-per-step", 128, "--steps", steps, "--output", output);
    }

    @Test
    void learnsAnAdapterThatGeneratesAndMerges() throws IOException {
        Path output = folder.resolve("run");
        Cli.Outcome outcome = tune("lora:rank=2", 20, output).succeeds();
        assertThat(outcome.out()).isEmpty();
        assertThat(outcome.err()).contains("bits per byte of the validation text", "before", "after", "written: ");
        List<String> curve = Files.readAllLines(output.resolve("validation.csv"));
        assertThat(curve).hasSize(12).first().isEqualTo("step,bitsPerByte");
        assertThat(bits(curve.getLast())).isLessThan(bits(curve.get(1)));
        assertThat(output.resolve("loss.html")).content().contains("Validation").doesNotContain("{{");
        assertThat(AdapterFile.read(output.resolve("adapter")).type()).isEqualTo("LORA");

        Path merged = folder.resolve("merged");
        Cli.run(
                        "compress",
                        "--model",
                        model,
                        "--adapter",
                        output.resolve("adapter"),
                        "--type",
                        "f32",
                        "--output",
                        merged)
                .succeeds();
        String[] prompt = {"--prompt", "object", "--max-tokens", "12"};
        String attached = generate(prompt, "--model", model, "--adapter", output.resolve("adapter"));
        assertThat(generate(prompt, "--model", merged)).isEqualTo(attached);
        assertThat(generate(prompt, "--model", model)).isNotEqualTo(attached);
    }

    private static double bits(String row) {
        return Double.parseDouble(row.split(",", -1)[1]);
    }

    private static String generate(String[] prompt, Object... model) {
        List<Object> all = new ArrayList<>(List.of("generate"));
        all.addAll(Arrays.asList(model));
        all.addAll(Arrays.asList(prompt));
        return Cli.run(all.toArray()).succeeds().out();
    }

    @Test
    void goesOnWhereItStoppedAndChangesNothingWhenItIsDone() throws IOException {
        Path output = folder.resolve("run");
        tune("ia3", 6, output).succeeds();
        byte[] adapter = Files.readAllBytes(output.resolve("adapter/adapter_model.safetensors"));
        Cli.Outcome again = tune("ia3", 6, output).succeeds();
        assertThat(again.err()).contains("going on after step 6");
        assertThat(output.resolve("adapter/adapter_model.safetensors")).hasBinaryContent(adapter);
    }

    /** Of what these do, some is done on the device and some on the processor, for which numbers go back and forth. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "full-finetuning",
                "lora:rank=2",
                "qlora:rank=2",
                "adalora",
                "ia3",
                "prefix",
                "prompt",
                "lomo",
                "mezo"
            })
    void aDeviceLearnsWhatTheProcessorLearns(String method) throws IOException {
        OpenClDevice.open().close();
        List<Double> ends = new ArrayList<>();
        for (String backend : List.of("vector", "opencl")) {
            Path output = folder.resolve(backend);
            tune(
                            "--method",
                            method,
                            "--context",
                            64,
                            "--tokens-per-step",
                            128,
                            "--steps",
                            3,
                            "--backend",
                            backend,
                            "--output",
                            output)
                    .succeeds();
            ends.add(bits(Files.readAllLines(output.resolve("validation.csv")).getLast()));
        }
        assertThat(ends.getLast()).isCloseTo(ends.getFirst(), within(1e-3));
    }

    @Test
    void aFolderOfAnotherRunIsRefused() {
        Path output = folder.resolve("run");
        tune("ia3", 2, output).succeeds();
        tune("lora", 2, output).fails("holds another run", "run.txt", "name another folder");
    }

    @Test
    void trainsAllWeightsIntoAModelAfterOtherTechniques() {
        Path output = folder.resolve("run");
        tune("magnitude:sparsity=0.5+lomo", 3, output).succeeds();
        assertThat(output.resolve("model/model.safetensors")).exists();
        assertThat(output.resolve("adapter")).doesNotExist();
    }

    @Test
    void refusesWhatItCannotDo() {
        Path output = folder.resolve("run");
        tune("--method", "rtn:bits=4", "--output", output).isWronglyCalled("rtn:bits=4", "fine-tuning");
        tune("--method", "lora:rank=0", "--output", output).isWronglyCalled("rank");
        tune("--method", "lora", "--context", 7, "--output", output).isWronglyCalled("--context");
        tune("--method", "lora", "--context", 256, "--output", output).isWronglyCalled("--context", "128");
        tune("--method", "lora", "--tokens-per-step", 100, "--output", output).isWronglyCalled("--tokens-per-step");
        tune("--method", "lora", "--learning-rate", 0, "--output", output).isWronglyCalled("--learning-rate");
        tune("--method", "lora", "--steps", 0, "--output", output).isWronglyCalled("--steps");
        assertThat(output).doesNotExist();
        Cli.run("generate", "--model", model, "--adapter", folder.resolve("none"), "--prompt", "a")
                .fails("adapter_model.safetensors");
    }
}
