package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Transformer;

/**
 * A model that was opened, whatever its format, with what a tokenizer for it is made from.
 *
 * @param transformer the model
 * @param path the folder of a Hugging Face model, else the file
 * @param format the format it is in
 * @param metadata of a GGUF file, with its vocabulary under {@code tokenizer.ggml.}; else null
 */
public record ModelFile(Transformer transformer, Path path, Format format, GgufMetadata metadata) {
    /** The formats of models. */
    public enum Format {
        HUGGING_FACE,
        GGUF,
        LLAMA2C
    }

    /**
     * Opens a Hugging Face folder (or a {@code .safetensors} file in one), a GGUF file or a llama2.c {@code .bin}
     * file. Weights are mapped, not read.
     *
     * @throws ModelFormatException if the file is malformed or of no format that is supported
     */
    public static ModelFile open(Path path) throws IOException {
        if (!Files.exists(path)) {
            throw new ModelFormatException(path, -1, "there is no such file or folder");
        }
        if (Files.isDirectory(path)) {
            return new ModelFile(HuggingFaceFolder.load(path), path, Format.HUGGING_FACE, null);
        }
        String name = path.getFileName().toString();
        if (name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json")) {
            return open(path.toAbsolutePath().getParent());
        }
        if (Gguf.isGguf(path)) {
            Gguf file = Gguf.open(path);
            return new ModelFile(GgufModel.load(file), path, Format.GGUF, file.metadata());
        }
        if (name.endsWith(".bin")) {
            return new ModelFile(Llama2c.load(path), path, Format.LLAMA2C, null);
        }
        throw new ModelFormatException(
                path, 0, "this is no model: give a Hugging Face folder, a .gguf file or a llama2.c .bin file");
    }
}
