package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.DecodingStrategy.Generation;
import parsimony.core.model.DecodingStrategy.Request;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.technique.Techniques;
import parsimony.core.text.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "generate",
        description = {
            "Let a model go on with a text. Prompt and continuation go to standard output as they arise, the speed to standard error.",
            "A text ends where the model ends it or begins another, or at the model's context."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony generate --prompt 'public static int indexOf('",
            "  parsimony generate --prompt 'public static int indexOf(' --strategy speculative:tokens=3 --show-accepted",
            "  parsimony generate --model stories260K.bin --temperature 0.8 --top-p 0.9 --seed 7"
        })
final class Generate implements Callable<Integer> {
    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(names = "--prompt", paramLabel = "TEXT", description = "The text to go on with (default: none).")
    private String prompt;

    @Option(names = "--prompt-file", paramLabel = "FILE", description = "A file with the text to go on with.")
    private Path promptFile;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            defaultValue = "256",
            description = "Tokens to write at most (default: ${DEFAULT-VALUE}).")
    private int maxTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "0 always takes the likeliest token; 1 draws as the model says; more is wilder "
                    + "(default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(
            names = "--top-k",
            paramLabel = "N",
            defaultValue = "0",
            description = "Draw among the N likeliest tokens only; 0 for all (default: ${DEFAULT-VALUE}).")
    private int topK;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "Draw among the likeliest tokens only that together have this probability "
                    + "(default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(
            names = "--strategy",
            paramLabel = "SPEC",
            converter = AppliedTechnique.Converter.class,
            description = "How to write: a technique of speculative decoding with its options, such as "
                    + "speculative:tokens=5; what stands before it with + is applied to the model first "
                    + "(default: one token a pass).")
    private AppliedTechnique strategy;

    @Option(
            names = "--show-accepted",
            description =
                    "Show which tokens were drafted and accepted, which rejected, and what stands in their place: in "
                            + "colours, or where there are none as [accepted], ~rejected~ and +corrected+.")
    private boolean showAccepted;

    @Mixin
    private CalibrationOptions calibration;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        Sampler sampler = sampler();
        if (maxTokens < 0) {
            throw usage("--max-tokens must be 0 or more, not " + maxTokens);
        }
        if (strategy != null && last(strategy.spec()).suite() != Technique.Suite.SPECULATIVE) {
            throw usage("--strategy: " + last(strategy.spec()).name() + " is no way of writing; there are "
                    + Techniques.all().stream()
                            .filter(technique -> technique.suite() == Technique.Suite.SPECULATIVE)
                            .map(Technique::name)
                            .collect(Collectors.joining(", ")));
        }
        calibration.check();
        if (prompt != null && promptFile != null) {
            throw usage("--prompt and --prompt-file exclude each other");
        }
        String text = promptFile == null ? (prompt == null ? "" : prompt) : Texts.read(promptFile);
        LanguageModel opened = model.open();
        int[] tokens = opened.tokenizer().encode(text, true);
        if (tokens.length == 0) {
            throw usage("this model has no token that begins a text, so it needs a --prompt");
        }
        int context = opened.transformer().config().contextLength();
        if (tokens.length > context) {
            throw new IllegalArgumentException("the prompt has " + tokens.length
                    + " tokens, more than the model's context of " + context + "; shorten it");
        }
        // The last token is written, not read.
        int room = context - tokens.length + 1;
        Request request = new Request(tokens, Math.min(maxTokens, room), stopTokens(opened), sampler);
        try (Backend backend = common.createBackend()) {
            Transformer writer = strategy == null ? opened.transformer() : applied(opened, backend);
            report(
                    opened,
                    tokens.length,
                    write(opened, writer, backend, text, request),
                    temperature == 0 || writer.decoding().isLossless());
        }
        if (maxTokens > room && spec.commandLine().getParseResult().hasMatchedOption("--max-tokens")) {
            spec.commandLine().getErr().println("the model's context ends after " + context + " tokens");
        }
        return 0;
    }

    private static Technique<?> last(TechniqueSpec spec) {
        return spec.steps().getLast().technique();
    }

    private Transformer applied(LanguageModel opened, Backend backend) throws IOException {
        boolean reads = strategy.spec().steps().stream()
                .anyMatch(step -> step.technique().readsCalibration());
        try (ProgressLine progress = new ProgressLine("preparing", 1)) {
            return strategy.spec()
                    .apply(
                            opened.transformer(),
                            TechniqueContext.of(backend)
                                    .withCalibration(
                                            reads
                                                    ? calibration.sequences(
                                                            opened, common.seed(), CalibrationOptions.SEQUENCES)
                                                    : List.of())
                                    .withSeed(common.seed())
                                    .withProgress((what, done, total, bytes) -> progress.update(done, what)));
        }
    }

    private Sampler sampler() {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw usage("--temperature must be 0 or more, not " + temperature);
        }
        if (topK < 0) {
            throw usage("--top-k must be 0 (all tokens) or more, not " + topK);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw usage("--top-p must be above 0 and at most 1 (all tokens), not " + topP);
        }
        return new Sampler(temperature, topK, topP, common.seed());
    }

    /** A model that was trained on one text after the other may also tell the end by beginning another. */
    private static Set<Integer> stopTokens(LanguageModel model) {
        TransformerConfig config = model.transformer().config();
        Tokenizer tokenizer = model.tokenizer();
        return IntStream.of(
                        config.beginOfSequence(),
                        config.endOfSequence(),
                        tokenizer.beginOfSequence(),
                        tokenizer.endOfSequence())
                .filter(token -> token >= 0)
                .boxed()
                .collect(Collectors.toSet());
    }

    private Generation write(LanguageModel opened, Transformer writer, Backend backend, String text, Request request) {
        PrintWriter out = spec.commandLine().getOut();
        out.print(text);
        out.flush();
        GeneratedText generated = new GeneratedText(out, opened.tokenizer(), showAccepted);
        Arrays.stream(request.prompt()).forEach(generated::prompt);
        Generation generation = writer.decoding().generate(writer, new Ops(backend), request, generated);
        generated.end();
        return generation;
    }

    private void report(LanguageModel opened, int promptTokens, Generation generation, boolean isLossless) {
        PrintWriter err = spec.commandLine().getErr();
        int tokens = generation.tokens().length;
        err.printf(
                Locale.ROOT,
                "%s: prompt %,d tokens in %.2f s, text %,d tokens in %.2f s (%.1f tokens/s)%n",
                opened.name(),
                promptTokens,
                generation.prefillNanos() / 1e9,
                tokens,
                generation.decodeNanos() / 1e9,
                tokens * 1e9 / Math.max(1, generation.decodeNanos()));
        if (strategy != null) {
            err.printf(
                    Locale.ROOT,
                    "%s: %,d passes, %.2f tokens each; %,d of %,d drafted tokens accepted; drafting took %.0f %% of the time%s%n",
                    strategy.text(),
                    generation.modelPasses(),
                    tokens / (double) Math.max(1, generation.modelPasses()),
                    generation.accepted(),
                    generation.proposed(),
                    100.0 * generation.draftNanos() / Math.max(1, generation.decodeNanos()),
                    isLossless ? "" : "; this way of writing changes what is written");
        }
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }
}
