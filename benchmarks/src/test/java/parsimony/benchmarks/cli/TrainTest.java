package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.io.HuggingFaceFolder;
import parsimony.core.model.Transformer;
import parsimony.core.train.Recipe;

class TrainTest {
    private static final String RECIPE = """
            {"vocabularySize": 4096, "overlapThreshold": 0.1, "seed": 1,
             "model": {"vocabularySize": 4096, "hiddenSize": 16, "intermediateSize": 32, "layers": 1, "heads": 2,
              "keyValueHeads": 2, "headSize": 8, "contextLength": 32, "normEpsilon": 1e-5,
              "rope": {"theta": 10000, "interleaved": false, "scaling": null}, "tiedEmbeddings": true,
              "projectionBias": false, "beginOfSequence": 0, "endOfSequence": 1},
             "training": {"stages": [{"steps": 3, "context": 16}], "tokensPerStep": 64, "tokensPerPass": 32,
              "learningRate": 0.003, "warmupSteps": 1, "schedule": "COSINE", "decaySteps": 0, "finalLearningRate": 0.1,
              "beta1": 0.9, "beta2": 0.95, "weightDecay": 0.1, "clip": 1}}
            """;

    @TempDir
    private Path folder;

    private final StringWriter err = new StringWriter();

    private int train(String... arguments) {
        return Main.run(new PrintWriter(new StringWriter()), new PrintWriter(err, true), arguments);
    }

    @Test
    void trainsFromSourceJarsAndWritesAModel() throws Exception {
        Path jars = Files.createDirectory(folder.resolve("jars"));
        try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(jars.resolve("a-sources.jar")))) {
            for (int i = 0; i < 20; i++) {
                jar.putNextEntry(new ZipEntry("p/C" + i + ".java"));
                jar.write(("package p;\n\nclass C" + i + " {\n    int value() {\n        return " + i + ";\n    }\n}\n")
                        .getBytes(StandardCharsets.UTF_8));
            }
        }
        Path recipe = Files.writeString(folder.resolve("recipe.json"), RECIPE);
        Path output = folder.resolve("run");
        int exit = train(
                "train", "--recipe", recipe.toString(), "--corpus", jars.toString(), "--output", output.toString());
        assertThat(exit).as(err.toString()).isZero();
        assertThat(output.resolve("loss.csv")).content().hasLineCount(4);
        assertThat(output.resolve("loss.html"))
                .content()
                .contains("recipe: loss", "after 3 steps")
                .doesNotContain("{{");
        assertThat(HuggingFaceFolder.load(output.resolve("model")).config().hiddenSize())
                .isEqualTo(16);

        // From that model on, with no shape in the recipe.
        Path shapeless = Files.writeString(
                folder.resolve("shapeless.json"), RECIPE.replaceAll("(?s)\"model\".*?(?=\"training\")", ""));
        Path further = folder.resolve("further");
        exit = train(
                "train",
                "--from",
                output.resolve("model").toString(),
                "--recipe",
                shapeless.toString(),
                "--corpus",
                jars.toString(),
                "--output",
                further.toString());
        assertThat(exit).as(err.toString()).isZero();
        Transformer before = HuggingFaceFolder.load(output.resolve("model"));
        Transformer after = HuggingFaceFolder.load(further.resolve("model"));
        assertThat(after.config()).isEqualTo(before.config());
        assertThat(after.embedding().decode().array())
                .isNotEqualTo(before.embedding().decode().array());
        assertThat(train(
                        "train",
                        "--recipe",
                        shapeless.toString(),
                        "--output",
                        folder.resolve("x").toString()))
                .isEqualTo(2);
        assertThat(err.toString()).contains("--from");
    }

    @Test
    void theRecipesOfTheEmbeddedModelsAreSound() throws Exception {
        for (String name : new String[] {"java-6m", "java-1m"}) {
            Recipe recipe = Recipe.of(name);
            assertThat(recipe.training().steps()).isPositive();
            assertThat(recipe.model().vocabularySize()).isEqualTo(recipe.vocabularySize());
        }
        assertThat(Recipe.of("java-6m").model().parameters()
                        + Recipe.of("java-1m").model().parameters())
                .isLessThan(8_500_000);
        assertThat(Recipe.of("java-tokenizer").training()).isNull();
        assertThat(Recipe.of("java-recovery").model()).isNull();
        assertThat(Recipe.of("java-recovery").training().steps()).isPositive();
    }

    @Test
    void refusesAFolderWithoutJarsAndAFileInPlaceOfItsFolder() throws Exception {
        Path recipe = Files.writeString(folder.resolve("recipe.json"), RECIPE);
        String[] call = {"train", "--recipe", recipe.toString(), "--corpus", folder.toString(), "--output", "x"};
        call[6] = folder.resolve("run").toString();
        assertThat(train(call)).isEqualTo(1);
        assertThat(err.toString()).contains("there are no source jars in " + folder);
        call[6] = recipe.toString();
        assertThat(train(call)).isEqualTo(2);
        assertThat(err.toString()).contains("is a file, where a folder is needed");
    }

    @Test
    void saysWhichRecipesThereAre() {
        assertThat(train(
                        "train",
                        "--recipe",
                        "none",
                        "--output",
                        folder.resolve("x").toString()))
                .isEqualTo(1);
        assertThat(err.toString()).contains("java-6m").doesNotContain("\tat ");
    }
}
