package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import parsimony.core.backend.Backend;
import parsimony.core.io.GgufMetadata;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Progress;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.DataType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "compress",
        description = {
            "Apply a technique to a model and write the result with its tokenizer, as a Hugging Face folder or a GGUF file.",
            "Integer grids are written packed: in a folder all of them; in a GGUF file those of 8 bits (symmetric) and 4 bits in groups of 32."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony compress --apply rtn:bits=4,group=32 --output compressed",
            "  parsimony compress --apply rtn:bits=4,group=32,symmetric=true --output model.gguf",
            "  parsimony compress --model stories260K.bin --output stories260K.gguf        (converts only)"
        })
final class Compress implements Callable<Integer> {
    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--apply",
            paramLabel = "SPEC",
            converter = AppliedTechnique.Converter.class,
            description = "A technique with its options, such as rtn:bits=4,group=32; + applies another to its result "
                    + "(default: none, so that the model is only converted).")
    private AppliedTechnique apply;

    @Option(
            names = "--output",
            paramLabel = "PATH",
            required = true,
            description = "The folder or file to write; an earlier model there is replaced.")
    private Path output;

    /** The formats that can be written. */
    enum Format {
        HF,
        GGUF
    }

    @Option(
            names = "--format",
            paramLabel = "FORMAT",
            description = "hf or gguf (default: gguf where the output's name ends in .gguf, otherwise hf).")
    private Format format;

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "f32, f16 or bf16 for the matrices of plain numbers, and for those that the format has no "
                    + "packed form for (default: each in its own, and none of the latter).")
    private DataType type;

    @Mixin
    private CalibrationOptions calibration;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        boolean gguf = format == null
                ? output.getFileName() != null
                        && output.getFileName()
                                .toString()
                                .toLowerCase(Locale.ROOT)
                                .endsWith(".gguf")
                : format == Format.GGUF;
        calibration.check();
        requireWritable(gguf);
        LanguageModel opened = model.open();
        GgufMetadata asRead = gguf ? model.tokenizerAsRead() : null;
        Transformer start =
                opened.transformer().isMergeable() ? opened.transformer().merged() : opened.transformer();
        Transformer result = apply == null ? start : compress(start, opened);
        LanguageModel compressed = new LanguageModel(opened.name(), result, opened.tokenizer());
        if (gguf) {
            try (ProgressLine progress = new ProgressLine("writing", result.bytes())) {
                compressed.saveGguf(output, type, asRead, progress::update);
            }
        } else {
            compressed.saveHuggingFace(output, type);
        }
        report(opened.transformer(), result);
        return 0;
    }

    private void requireWritable(boolean gguf) throws IOException {
        if (gguf) {
            OutputFile.require(spec, "--output", output);
            return;
        }
        OutputFile.requireFolder(spec, "--output", output);
        if (Files.isRegularFile(output)) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--output " + output + " is a file, where a folder is to be written; --format gguf writes a file");
        }
        LanguageModel.requireReplaceable(output);
    }

    private Transformer compress(Transformer start, LanguageModel opened) throws IOException {
        try (Backend backend = common.createBackend();
                ProgressLine progress = new ProgressLine(
                        "compressing", opened.transformer().linears().size())) {
            Progress steps = (what, done, total, bytes) -> progress.update(done, what);
            TechniqueContext context = TechniqueContext.of(backend)
                    .withCalibration(calibration.sequences(opened, common.seed(), CalibrationOptions.SEQUENCES))
                    .withSeed(common.seed())
                    .withProgress(steps.noting(spec.commandLine().getErr()::println));
            return apply.spec().apply(start, context);
        }
    }

    private void report(Transformer before, Transformer after) throws IOException {
        long bytes = 0;
        long weights = 0;
        for (Linear linear : after.linears()) {
            bytes += linear.weight().bytes();
            weights += (long) linear.outputs() * linear.inputs();
        }
        spec.commandLine()
                .getOut()
                .printf(
                        Locale.ROOT,
                        "%s: %,d bytes; %.3f bits a compressed weight, %.3f bits a parameter of the whole model (before: %.3f)%n",
                        output,
                        size(output),
                        8.0 * bytes / weights,
                        8.0 * after.bytes() / after.config().parameters(),
                        8.0 * before.bytes() / before.config().parameters());
    }

    private static long size(Path written) throws IOException {
        if (!Files.isDirectory(written)) {
            return Files.size(written);
        }
        long size = 0;
        try (Stream<Path> files = Files.list(written)) {
            for (Path file : files.toList()) {
                size += Files.size(file);
            }
        }
        return size;
    }
}
