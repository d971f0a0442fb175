package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.benchmarks.compare.JavaText;
import parsimony.core.io.LanguageModel;
import parsimony.core.text.Corpus;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which text techniques may look at. */
final class CalibrationOptions {
    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            arity = "1..*",
            description = "Text files that techniques may look at (default: commons-text 1.14.0).")
    private List<Path> files = List.of();

    @Option(
            names = "--calibration-sequences",
            paramLabel = "N",
            defaultValue = "32",
            description = "How many beginnings of files they see (default: ${DEFAULT-VALUE}).")
    private int count;

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
        requirePositive("--calibration-sequences", count);
        requirePositive("--calibration-tokens", tokens);
    }

    private void requirePositive(String option, int number) {
        if (number < 1) {
            throw new ParameterException(mixee.commandLine(), option + " must be at least 1, not " + number);
        }
    }

    /**
     * The beginnings of documents, each after the token that begins a text. Documents that are too short are passed over, if there are others.
     */
    List<int[]> sequences(LanguageModel model) throws IOException {
        Corpus corpus = files.isEmpty() ? JavaText.calibration() : Texts.corpus(files);
        int length = Math.min(tokens, model.transformer().config().contextLength());
        List<int[]> full = new ArrayList<>();
        List<int[]> shorter = new ArrayList<>();
        for (Corpus.Document document : corpus.documents()) {
            int[] ids = model.tokenizer().encode(document.text(), true);
            if (ids.length >= length) {
                full.add(Arrays.copyOf(ids, length));
            } else if (ids.length > 0) {
                shorter.add(ids);
            }
            if (full.size() == count) {
                break;
            }
        }
        List<int[]> chosen = full.isEmpty() ? shorter : full;
        return chosen.subList(0, Math.min(count, chosen.size()));
    }
}
