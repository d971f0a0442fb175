package parsimony.core.train;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import parsimony.core.ModelFormatException;
import parsimony.core.model.TransformerConfig;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * All that is needed to train one of the embedded models again from its corpus.
 *
 * @param vocabularySize tokens of the tokenizer
 * @param overlapThreshold share of text in common with the held-out text from which on a file is left out of the corpus
 * @param seed of the initial weights and the order of the corpus
 * @param model the shape; null in the recipe of the tokenizer, and where training starts from a model that is there
 * @param training how it is trained; null in the recipe of the tokenizer
 */
public record Recipe(
        int vocabularySize, double overlapThreshold, long seed, TransformerConfig model, TrainingOptions training) {
    private static final JsonMapper JSON = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /**
     * A recipe that comes with the project, or one in a file.
     *
     * @param name {@code java-6m}, {@code java-1m}, {@code java-recovery}, {@code java-tokenizer}, or a JSON file
     */
    public static Recipe of(String name) throws IOException {
        try (InputStream in = Recipe.class.getResourceAsStream("/parsimony/core/train/" + name + ".json")) {
            if (in != null) {
                return JSON.readValue(in, Recipe.class);
            }
        }
        Path file = Path.of(name);
        if (!Files.isRegularFile(file)) {
            throw new IOException(
                    "there is no recipe " + name + ": java-6m, java-1m, java-recovery and java-tokenizer come with the"
                            + " project, any other is a JSON file");
        }
        try {
            return JSON.readValue(Files.readAllBytes(file), Recipe.class);
        } catch (JacksonException e) {
            throw new ModelFormatException(
                    file,
                    e.getLocation() == null ? -1 : e.getLocation().getByteOffset(),
                    "this is no recipe: " + e.getOriginalMessage());
        }
    }
}
