package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import parsimony.core.io.GgufMetadata;
import parsimony.core.io.LanguageModel;
import parsimony.core.io.LanguageModel.Embedded;
import parsimony.core.io.ModelFile;
import parsimony.core.train.FineTuner;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model a command works on. */
final class ModelOptions {
    @Option(
            names = "--model",
            paramLabel = "MODEL",
            completionCandidates = EmbeddedNames.class,
            description = "A Hugging Face folder, a GGUF file, a llama2.c file, or an embedded model: "
                    + "${COMPLETION-CANDIDATES} (default: the first of these).")
    private String model;

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "The tokenizer, where the model has none with it: a tokenizer.json, a GGUF file or "
                    + "llama2.c's tokenizer.bin.")
    private Path tokenizer;

    @Option(
            names = "--adapter",
            paramLabel = "FOLDER",
            description = "What a fine-tuning learned beside this model, to put on it: a folder in PEFT's format.")
    private Path adapter;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    /** Opens the model that was asked for, or the default one. */
    LanguageModel open() throws IOException {
        LanguageModel opened = openBase();
        return adapter == null
                ? opened
                : new LanguageModel(
                        opened.name() + " with " + adapter.getFileName(),
                        FineTuner.attach(opened.transformer(), adapter),
                        opened.tokenizer());
    }

    private LanguageModel openBase() throws IOException {
        Embedded embedded = embedded(model);
        if (embedded == null) {
            return LanguageModel.open(Path.of(model), tokenizer);
        }
        if (tokenizer != null) {
            throw new ParameterException(
                    mixee.commandLine(), "--tokenizer cannot be given for an embedded model, which has its own");
        }
        return LanguageModel.embedded(embedded);
    }

    /** Opens another model beside it. */
    LanguageModel open(String other) throws IOException {
        Embedded embedded = embedded(other);
        return embedded == null ? LanguageModel.open(Path.of(other), tokenizer) : LanguageModel.embedded(embedded);
    }

    /** What the model's own GGUF file says of the tokenizer; null if it comes from elsewhere. */
    GgufMetadata tokenizerAsRead() throws IOException {
        return embedded(model) != null || tokenizer != null
                ? null
                : ModelFile.open(Path.of(model)).metadata();
    }

    /** The embedded model of that name; null if there is none, or a file has that name. */
    private static Embedded embedded(String name) {
        return name == null ? Embedded.TARGET : Embedded.named(name).orElse(null);
    }

    private static final class EmbeddedNames extends ArrayList<String> {
        EmbeddedNames() {
            super(Arrays.stream(Embedded.values()).map(Embedded::modelName).toList());
        }
    }
}
