package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import parsimony.benchmarks.text.Calibration;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.io.LanguageModel;
import parsimony.core.text.Corpus;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which text techniques may look at. */
final class CalibrationOptions {
    /** Enough for second-order statistics of a small model. */
    static final int SEQUENCES = 64;

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            arity = "1..*",
            description =
                    "Text files that techniques may look at, or jars of Java sources (default: commons-text 1.14.0).")
    private List<Path> files = List.of();

    @Option(
            names = "--calibration-sequences",
            paramLabel = "N",
            description = "How many windows of the text they see, drawn at random (default: " + SEQUENCES
                    + ", with --quick fewer).")
    private Integer count;

    @Option(
            names = "--calibration-tokens",
            paramLabel = "N",
            defaultValue = "512",
            description = "How many tokens of each, at most the model's context (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Spec(Spec.Target.MIXEE)
    private CommandSpec mixee;

    /** Checks what was given before anything else is done. */
    void check() {
        requirePositive("--calibration-sequences", count == null ? SEQUENCES : count);
        requirePositive("--calibration-tokens", tokens);
    }

    private void requirePositive(String option, int number) {
        if (number < 1) {
            throw new ParameterException(mixee.commandLine(), option + " must be at least 1, not " + number);
        }
    }

    /**
     * Windows of the text, drawn with {@code seed}.
     *
     * @param otherwise how many where the user did not say
     */
    List<int[]> sequences(LanguageModel model, long seed, int otherwise) throws IOException {
        Corpus corpus = files.isEmpty() ? JavaText.calibration() : Texts.toLearn(files);
        int length = Math.min(tokens, model.transformer().config().contextLength());
        return Calibration.windows(corpus, model.tokenizer(), count == null ? otherwise : count, length, seed);
    }
}
