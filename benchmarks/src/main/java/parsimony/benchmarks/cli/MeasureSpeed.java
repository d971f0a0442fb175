package parsimony.benchmarks.cli;

import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Speed;
import parsimony.core.io.LanguageModel;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "speed",
        description = {
            "Measure how many tokens a second a model reads and writes: a prompt of random tokens in one pass, then tokens one by one.",
            "A prompt of 4 tokens shows what a pass costs that verifies a draft of so many."
        },
        footer = {"", "Example:", "  parsimony speed --model llama-3.2-1b.gguf --prompt-tokens 128 --json -"})
final class MeasureSpeed implements Callable<Integer> {
    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--prompt-tokens",
            paramLabel = "N",
            defaultValue = "128",
            description = "Tokens of the prompt (default: ${DEFAULT-VALUE}).")
    private int promptTokens;

    @Option(
            names = "--tokens",
            paramLabel = "N",
            defaultValue = "32",
            description = "Tokens read one by one after it (default: ${DEFAULT-VALUE}).")
    private int tokens;

    @Option(
            names = "--repetitions",
            paramLabel = "N",
            defaultValue = "5",
            description = "Measurements, of which the median is taken (default: ${DEFAULT-VALUE}).")
    private int repetitions;

    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            defaultValue = "3",
            description = "For how long the model runs before that (default: ${DEFAULT-VALUE}).")
    private int warmUp;

    @Mixin
    private JsonOption json;

    @Spec
    private CommandSpec spec;

    /** What was found, as JSON; speeds in tokens a second. */
    private record Result(
            String model,
            double prefill,
            double decode,
            int promptTokens,
            int tokens,
            int repetitions,
            String backend,
            int threads) {}

    @Override
    public Integer call() throws IOException {
        if (promptTokens < 1 || tokens < 1 || repetitions < 1 || warmUp < 0) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--prompt-tokens, --tokens and --repetitions must be at least 1, --warm-up at least 0");
        }
        json.check();
        LanguageModel opened = model.open();
        int context = opened.transformer().config().contextLength();
        if ((long) promptTokens + tokens > context) {
            throw new ParameterException(
                    spec.commandLine(),
                    "--prompt-tokens and --tokens together must be at most the model's context of " + context);
        }
        try (Backend backend = common.createBackend()) {
            Speed speed = Speed.measure(
                    new Ops(backend),
                    opened.transformer(),
                    new Speed.Options(promptTokens, tokens, Duration.ofSeconds(warmUp), repetitions, common.seed()));
            if (!json.takesStandardOutput()) {
                spec.commandLine()
                        .getOut()
                        .printf(
                                Locale.ROOT,
                                "%s: prompt of %,d tokens %.1f tokens/s, one by one %.1f tokens/s%n",
                                opened.name(),
                                promptTokens,
                                speed.prefill(),
                                speed.decode());
            }
            json.write(
                    spec.commandLine().getOut(),
                    new Result(
                            opened.name(),
                            speed.prefill(),
                            speed.decode(),
                            promptTokens,
                            tokens,
                            repetitions,
                            backend.name(),
                            backend.threads()));
        }
        return 0;
    }
}
