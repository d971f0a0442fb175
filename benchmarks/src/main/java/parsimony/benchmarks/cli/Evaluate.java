package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import parsimony.benchmarks.compare.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Evaluation;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.Reference;
import parsimony.core.io.LanguageModel;
import parsimony.core.text.Corpus;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "evaluate",
        description = {
            "Measure how well a model predicts text it was not trained on: bits per byte and perplexity, with the protocol beside them.",
            "With --reference also how far its predictions are from those of another model of the same vocabulary."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony evaluate --text-bytes 250000",
            "  parsimony evaluate --model compressed --reference original --json -"
        })
final class Evaluate implements Callable<Integer> {
    private static final int DEFAULT_CONTEXT = 1024;

    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--reference",
            paramLabel = "MODEL",
            description = "A model to compare with, such as the one that this one was made from.")
    private String reference;

    @Option(
            names = "--text",
            paramLabel = "FILE",
            arity = "1..*",
            description = "Text files, each read from its own beginning "
                    + "(default: commons-lang3 3.20.0 and commons-collections4 4.5.0).")
    private List<Path> texts = List.of();

    @Option(
            names = "--text-bytes",
            paramLabel = "N",
            description = "A sample of about this size of the default text, drawn by --seed (default: all of it).")
    private Long textBytes;

    @Option(
            names = "--context",
            paramLabel = "N",
            description = "Tokens of a window, an even number (default: the model's context, at most " + DEFAULT_CONTEXT
                    + ").")
    private Integer context;

    @Option(
            names = "--json",
            paramLabel = "FILE|-",
            description =
                    "Write the result as JSON, to a file or with - to standard output, which then shows nothing else.")
    private String json;

    @Spec
    private CommandSpec spec;

    /** What was found, as JSON. */
    private record Result(
            String model,
            double bitsPerByte,
            double perplexity,
            String reference,
            Double klDivergence,
            Double topOneAgreement,
            Evaluation.Protocol protocol,
            String statement,
            String backend,
            int threads,
            double seconds) {}

    @Override
    public Integer call() throws IOException {
        if (textBytes != null && textBytes < 1) {
            throw usage("--text-bytes must be at least 1, not " + textBytes);
        }
        if (textBytes != null && !texts.isEmpty()) {
            throw usage("--text-bytes samples the default text and cannot be given with --text");
        }
        if (context != null && (context < 2 || context % 2 != 0)) {
            throw usage("--context must be an even number of at least 2, not " + context);
        }
        JsonTarget target = JsonTarget.of(spec, json);
        LanguageModel opened = model.open();
        LanguageModel dense = reference == null ? null : model.open(reference);
        int window = window(opened, dense);
        HeldOutText text = heldOut(opened, dense);
        try (Backend backend = common.createBackend();
                ProgressLine progress = new ProgressLine("evaluating", text.tokens())) {
            long started = System.nanoTime();
            Evaluation evaluation = new Evaluator(new Ops(backend), window)
                    .evaluate(
                            opened.transformer(),
                            dense == null ? null : new Reference(dense.transformer()),
                            text,
                            (scored, tokens, bits) ->
                                    progress.update(scored, String.format(Locale.ROOT, "%.3f bits/token", bits)));
            print(result(opened, dense, evaluation, backend, (System.nanoTime() - started) / 1e9), target);
        }
        return 0;
    }

    private int window(LanguageModel opened, LanguageModel dense) {
        int trained = opened.transformer().config().contextLength();
        if (dense != null) {
            trained = Math.min(trained, dense.transformer().config().contextLength());
        }
        if (context != null && context > trained) {
            throw usage("--context must be at most the model's " + trained + ", not " + context);
        }
        // Rounded down to an even number, as windows begin half a window after each other.
        return context == null ? Math.max(2, Math.min(DEFAULT_CONTEXT, trained) / 2 * 2) : context;
    }

    private HeldOutText heldOut(LanguageModel opened, LanguageModel dense) throws IOException {
        Corpus corpus;
        String name;
        if (texts.isEmpty()) {
            corpus = JavaText.heldOut();
            name = "commons-lang3 3.20.0 and commons-collections4 4.5.0";
            if (textBytes != null) {
                corpus = JavaText.sample(corpus, textBytes, common.seed());
                name += " (a sample, seed " + common.seed() + ")";
            }
        } else {
            corpus = Texts.corpus(texts);
            name = String.join(
                    ", ",
                    texts.stream().map(file -> file.getFileName().toString()).toList());
        }
        List<HeldOutText.Document> documents = new ArrayList<>();
        for (Corpus.Document document : corpus.documents()) {
            int[] tokens = opened.tokenizer().encode(document.text(), false);
            if (dense != null && documents.isEmpty()) {
                requireSameTokens(tokens, dense.tokenizer().encode(document.text(), false));
            }
            documents.add(new HeldOutText.Document(
                    tokens, Corpus.of(List.of(document)).bytes()));
        }
        return new HeldOutText(name, documents);
    }

    private static void requireSameTokens(int[] own, int[] other) {
        if (!Arrays.equals(own, other)) {
            throw new IllegalArgumentException(
                    "--reference cuts the text into other tokens, so its predictions cannot be compared");
        }
    }

    private Result result(
            LanguageModel opened, LanguageModel dense, Evaluation evaluation, Backend backend, double seconds) {
        Evaluation.Divergence divergence = evaluation.divergence();
        return new Result(
                opened.name(),
                evaluation.bitsPerByte(),
                evaluation.perplexity(),
                dense == null ? null : dense.name(),
                divergence == null ? null : divergence.kullbackLeibler(),
                divergence == null ? null : divergence.topOneAgreement(),
                evaluation.protocol(),
                evaluation.protocol().toString(),
                backend.name(),
                backend.threads(),
                seconds);
    }

    private void print(Result result, JsonTarget target) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (target == null || !target.isStandardOutput()) {
            out.printf(Locale.ROOT, "%-22s %.5f%n", "bits per byte", result.bitsPerByte);
            out.printf(Locale.ROOT, "%-22s %.5f%n", "perplexity a token", result.perplexity);
            if (result.reference != null) {
                out.printf(
                        Locale.ROOT,
                        "%-22s %.6f nats a token, from %s%n",
                        "KL divergence",
                        result.klDivergence,
                        result.reference);
                out.printf(
                        Locale.ROOT, "%-22s %.2f %% of the tokens%n", "top-1 agreement", 100 * result.topOneAgreement);
            }
            out.println(result.statement);
        }
        if (target != null) {
            target.write(out, result);
        }
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
