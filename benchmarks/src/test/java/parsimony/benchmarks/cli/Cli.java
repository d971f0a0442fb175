package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import parsimony.core.io.HuggingFaceFolder;
import parsimony.core.io.LanguageModel;
import parsimony.core.io.LanguageModel.Embedded;
import parsimony.core.io.SafeTensors;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Calls of the command in this process, and small models for it to work on. */
final class Cli {
    private Cli() {}

    /** What one call gave. */
    record Outcome(int exitCode, String out, String err) {
        Outcome succeeds() {
            assertThat(exitCode).as(err).isZero();
            return this;
        }

        /** One sentence on standard error and nothing on standard output. */
        void fails(String... parts) {
            assertThat(exitCode).as(err).isEqualTo(1);
            assertThat(out).isEmpty();
            assertThat(err.lines()).hasSize(1);
            assertThat(err).startsWith("parsimony: ").contains(parts);
        }

        /** A sentence and where to look for help. */
        void isWronglyCalled(String... parts) {
            assertThat(exitCode).as(err).isEqualTo(2);
            assertThat(out).isEmpty();
            assertThat(err).startsWith("parsimony: ").contains(parts).contains("--help'.");
            assertThat(err.lines()).hasSizeLessThanOrEqualTo(3);
        }
    }

    static Outcome run(Object... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String[] texts = Stream.of(args).map(String::valueOf).toArray(String[]::new);
        int exitCode = Main.run(new PrintWriter(out, true), new PrintWriter(err, true), texts);
        return new Outcome(exitCode, out.toString(), err.toString());
    }

    /** A folder with a random model of the embedded models' vocabulary, in bf16. */
    static Path model(Path folder) throws IOException {
        RopeConfig rope = new RopeConfig(10_000, false, null);
        TransformerConfig config = new TransformerConfig(4096, 32, 64, 2, 4, 2, 8, 128, 1e-5f, rope, true, false, 0, 1);
        HuggingFaceFolder.save(random(config), folder, DataType.BF16);
        for (String file : List.of("tokenizer.json", "tokenizer_config.json")) {
            String resource = "/parsimony/core/models/" + Embedded.TARGET.modelName() + "/" + file;
            try (InputStream in = LanguageModel.class.getResourceAsStream(resource)) {
                Files.copy(in, folder.resolve(file));
            }
        }
        return folder;
    }

    /** Weights so large that the model has opinions. */
    private static Transformer random(TransformerConfig config) {
        SplittableRandom random = new SplittableRandom(3);
        return Transformer.of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                return new TensorStorage(filled(Tensor.zeros(rows, columns), 0));
            }

            @Override
            public Tensor vector(String name, int size) {
                return filled(Tensor.zeros(size), 1);
            }

            private Tensor filled(Tensor tensor, double mean) {
                for (int i = 0; i < tensor.size(); i++) {
                    tensor.array()[i] = (float) (mean + 0.2 * random.nextGaussian());
                }
                return tensor;
            }
        });
    }

    /** A safetensors file with {@code weight} [rows, columns] and {@code inputs} [samples, columns]. */
    static Path layer(Path file, int rows, int columns, int samples) throws IOException {
        SplittableRandom random = new SplittableRandom(4);
        SafeTensors.write(
                file,
                DataType.F32,
                Map.of("weight", normal(random, rows, columns), "inputs", normal(random, samples, columns)),
                Map.of(),
                Map.of());
        return file;
    }

    private static WeightStorage normal(SplittableRandom random, int rows, int columns) {
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return new TensorStorage(tensor);
    }

    /** A file of real models and of what others computed, where this machine has it; the test is skipped otherwise. */
    static Path shared(String name) {
        String folder = System.getProperty("parsimony.shared", "");
        assumeThat(folder).as("system property parsimony.shared").isNotEmpty();
        return Path.of(folder).resolve(name);
    }
}
