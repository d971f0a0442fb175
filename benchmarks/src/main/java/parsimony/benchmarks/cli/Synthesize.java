package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import parsimony.core.io.GgufType;
import parsimony.core.io.ModelSynthesizer;
import parsimony.core.io.ModelSynthesizer.Shape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "synthesize",
        description =
                "Write a GGUF file of a real model's shape with random weights, to measure speed and memory without a download.",
        footer = {"", "Example:", "  parsimony synthesize --shape llama-3.2-1b --type q4_0 --output llama-3.2-1b.gguf"})
final class Synthesize implements Callable<Integer> {
    @Mixin
    private CommonOptions common;

    @Option(
            names = "--shape",
            paramLabel = "SHAPE",
            required = true,
            completionCandidates = Shapes.class,
            description = "The model whose shape to take: ${COMPLETION-CANDIDATES}.")
    private String shape;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            defaultValue = "q4_0",
            completionCandidates = Types.class,
            description = "The format of the matrices: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private GgufType type;

    @Option(names = "--output", paramLabel = "FILE", required = true, description = "The file to write.")
    private Path output;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Shape chosen;
        try {
            chosen = Shape.named(shape);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), "--shape: " + e.getMessage());
        }
        if (!type.canWrite()) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--type " + type + " can be read, not written; types: " + String.join(", ", new Types()));
        }
        OutputFile.require(spec, "--output", output);
        try (ProgressLine progress = new ProgressLine("writing", 1)) {
            ModelSynthesizer.write(chosen, type, common.seed(), output, progress::update);
        }
        spec.commandLine()
                .getOut()
                .printf(
                        Locale.ROOT,
                        "%s: %,d parameters, %,d bytes%n",
                        output,
                        chosen.config().parameters(),
                        Files.size(output));
        return 0;
    }

    private static final class Shapes extends ArrayList<String> {
        Shapes() {
            super(Shape.ALL.stream().map(Shape::label).toList());
        }
    }

    private static final class Types extends ArrayList<String> {
        Types() {
            super(Arrays.stream(GgufType.values())
                    .filter(GgufType::canWrite)
                    .map(type -> type.name().toLowerCase(Locale.ROOT))
                    .toList());
        }
    }
}
