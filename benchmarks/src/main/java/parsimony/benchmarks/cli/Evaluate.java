package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
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
    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--reference",
            paramLabel = "MODEL",
            description = "A model to compare with, such as the one that this one was made from.")
    private String reference;

    @Mixin
    private HeldOutOptions heldOut;

    @Mixin
    private JsonOption json;

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
        heldOut.check();
        json.check();
        LanguageModel opened = model.open();
        LanguageModel dense = reference == null ? null : model.open(reference);
        int window = window(opened, dense);
        HeldOutText text = text(opened, dense);
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
            print(result(opened, dense, evaluation, backend, (System.nanoTime() - started) / 1e9));
        }
        return 0;
    }

    private int window(LanguageModel opened, LanguageModel dense) {
        int trained = opened.transformer().config().contextLength();
        if (dense != null) {
            trained = Math.min(trained, dense.transformer().config().contextLength());
        }
        return heldOut.window(trained);
    }

    private HeldOutText text(LanguageModel opened, LanguageModel dense) throws IOException {
        HeldOutOptions.Text text = heldOut.read(null, common.seed());
        if (dense != null) {
            requireSameTokens(text.corpus(), opened, dense);
        }
        return HeldOutText.of(text.name(), text.corpus(), opened.tokenizer());
    }

    private static void requireSameTokens(Corpus corpus, LanguageModel own, LanguageModel other) {
        String first = corpus.documents().getFirst().text();
        if (!Arrays.equals(
                own.tokenizer().encode(first, false), other.tokenizer().encode(first, false))) {
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

    private void print(Result result) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (!json.takesStandardOutput()) {
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
        json.write(out, result);
    }
}
