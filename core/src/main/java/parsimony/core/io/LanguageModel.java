package parsimony.core.io;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;
import parsimony.core.Unfinished;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.DataType;
import parsimony.core.text.GgufTokenizer;
import parsimony.core.text.HuggingFaceTokenizer;
import parsimony.core.text.Llama2cTokenizer;
import parsimony.core.text.Tokenizer;
import parsimony.core.text.TokenizerExport;

/**
 * A transformer with the tokenizer that its tokens come from.
 *
 * @param name for people: the embedded model's name, or the file's
 * @param transformer the model
 * @param tokenizer of the same vocabulary
 */
public record LanguageModel(String name, Transformer transformer, Tokenizer tokenizer) {
    private static final String TOKENIZER = "tokenizer.json";

    /** The models that come with the project, trained on Java source code; they share one tokenizer. */
    public enum Embedded {
        /** The model that everything is measured on. */
        TARGET("java-6m"),
        /** A small one that drafts for it. */
        DRAFT("java-1m");

        private static final List<String> FILES =
                List.of("config.json", "model.safetensors", TOKENIZER, "tokenizer_config.json");

        private final String folder;

        Embedded(String folder) {
            this.folder = folder;
        }

        public String modelName() {
            return folder;
        }

        /** The embedded model of that name, unless a file has it. */
        public static Optional<Embedded> named(String name) {
            return Arrays.stream(values())
                    .filter(model -> model.folder.equals(name) && !Files.exists(Path.of(name)))
                    .findFirst();
        }
    }

    /**
     * Opens an embedded model.
     *
     * @throws IOException if it is not part of this build, or cannot be read
     */
    public static LanguageModel embedded(Embedded model) throws IOException {
        // What was mapped stays readable after its name is gone.
        try (Unfinished folder = Unfinished.folder(Path.of(System.getProperty("java.io.tmpdir"), "parsimony"))) {
            for (String file : Embedded.FILES) {
                try (InputStream in = resource(model, file)) {
                    AtomicFile.write(
                            folder.path().resolve(file), channel -> in.transferTo(Channels.newOutputStream(channel)));
                }
            }
            LanguageModel opened = open(folder.path(), null);
            return new LanguageModel(model.folder, opened.transformer, opened.tokenizer);
        }
    }

    private static InputStream resource(Embedded model, String file) throws IOException {
        InputStream in = LanguageModel.class.getResourceAsStream("/parsimony/core/models/" + model.folder + "/" + file);
        if (in == null) {
            throw new IOException(
                    "the embedded model " + model.folder + " is not part of this build: " + file + " is missing");
        }
        return in;
    }

    /**
     * Opens a model in any format that {@link ModelFile} knows.
     *
     * @param tokenizer a tokenizer's file ({@code tokenizer.json}, a GGUF file or llama2.c's {@code .bin}); if null, the one that lies in the model's folder, is
     *     part of the GGUF file, or stands beside the llama2.c file as {@code tokenizer.bin} or {@code tok<vocabulary>.bin}
     */
    public static LanguageModel open(Path model, Path tokenizer) throws IOException {
        ModelFile file = ModelFile.open(model);
        Tokenizer opened = tokenizer != null ? openTokenizer(tokenizer) : tokenizerOf(file);
        int vocabulary = file.transformer().config().vocabularySize();
        if (opened.size() > vocabulary) {
            throw new ModelFormatException(
                    tokenizer == null ? model : tokenizer,
                    -1,
                    "the tokenizer has " + opened.size() + " tokens, more than the model's vocabulary of "
                            + vocabulary);
        }
        Path name = model.toAbsolutePath().normalize().getFileName();
        return new LanguageModel(name == null ? model.toString() : name.toString(), file.transformer(), opened);
    }

    /**
     * Writes the model with its tokenizer as a Hugging Face folder, in the form in which it is kept. The folder appears only when it is whole; an earlier model in its place
     * is replaced.
     *
     * @param type a format for all plain numbers and for matrices that have no packed form; null for each one's own
     * @throws ModelFormatException if the model cannot be expressed in this format
     */
    public void saveHuggingFace(Path folder, DataType type) throws IOException {
        Map<String, byte[]> files = TokenizerExport.huggingFace(tokenizer);
        AtomicFolder.write(folder, unfinished -> {
            for (Map.Entry<String, byte[]> file : files.entrySet()) {
                AtomicFile.write(unfinished.resolve(file.getKey()), file.getValue());
            }
            HuggingFaceFolder.saveAsKept(transformer, unfinished, folder, type);
        });
    }

    /**
     * Checks before long work that {@link #saveHuggingFace} may write there.
     *
     * @throws ModelFormatException if there is a file, or a folder with more than a model in it
     */
    public static void requireReplaceable(Path folder) throws IOException {
        AtomicFolder.requireReplaceable(folder);
    }

    /**
     * Writes the model with its tokenizer as a GGUF file, in the form in which it is kept.
     *
     * @param type as for {@link #saveHuggingFace}
     * @param asRead of the GGUF file that the tokenizer was read from, whose words about it are copied; null if there is none
     * @throws ModelFormatException if the model or the tokenizer cannot be expressed in this format
     */
    public void saveGguf(Path file, DataType type, GgufMetadata asRead, Progress progress) throws IOException {
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("general.name", name);
        metadata.putAll(
                asRead == null
                        ? TokenizerExport.gguf(tokenizer, transformer.config().vocabularySize())
                        : asRead.startingWith("tokenizer."));
        GgufExport.saveAsKept(transformer, file, type, metadata, progress);
    }

    private static Tokenizer tokenizerOf(ModelFile file) throws IOException {
        switch (file.format()) {
            case HUGGING_FACE -> {
                return HuggingFaceTokenizer.open(file.path().resolve(TOKENIZER));
            }
            case GGUF -> {
                return GgufTokenizer.of(GgufModel.vocabulary(file.path(), file.metadata()));
            }
            case LLAMA2C -> {
                int vocabulary = file.transformer().config().vocabularySize();
                Path folder = file.path().toAbsolutePath().getParent();
                for (String name : List.of("tokenizer.bin", "tok" + vocabulary + ".bin")) {
                    if (Files.exists(folder.resolve(name))) {
                        return Llama2cTokenizer.open(folder.resolve(name));
                    }
                }
                throw new ModelFormatException(
                        file.path(),
                        -1,
                        "no tokenizer.bin or tok" + vocabulary
                                + ".bin lies beside this model; name its tokenizer with --tokenizer");
            }
        }
        throw new AssertionError(file.format());
    }

    /** The tokenizer of the embedded models. */
    public static Tokenizer embeddedTokenizer() throws IOException {
        byte[][] files = new byte[2][];
        List<String> names = List.of(TOKENIZER, "tokenizer_config.json");
        for (int i = 0; i < files.length; i++) {
            try (InputStream in = resource(Embedded.TARGET, names.get(i))) {
                files[i] = in.readAllBytes();
            }
        }
        return HuggingFaceTokenizer.of(Path.of(Embedded.TARGET.folder, TOKENIZER), files[0], files[1]);
    }

    /** Opens a tokenizer's file: {@code tokenizer.json} or a folder with one, a GGUF file, or llama2.c's {@code .bin}. */
    public static Tokenizer openTokenizer(Path file) throws IOException {
        if (!Files.exists(file)) {
            throw new ModelFormatException(file, -1, "there is no such file");
        }
        if (Files.isDirectory(file)) {
            return HuggingFaceTokenizer.open(file.resolve(TOKENIZER));
        }
        byte[] start = new byte[4];
        try (InputStream in = Files.newInputStream(file)) {
            in.readNBytes(start, 0, start.length);
        }
        if (Arrays.equals(start, new byte[] {'G', 'G', 'U', 'F'})) {
            return GgufTokenizer.of(GgufModel.vocabulary(file, Gguf.open(file).metadata()));
        }
        return file.getFileName().toString().endsWith(".json")
                ? HuggingFaceTokenizer.open(file)
                : Llama2cTokenizer.open(file);
    }
}
