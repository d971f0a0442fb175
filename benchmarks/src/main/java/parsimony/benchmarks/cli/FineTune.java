package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import parsimony.benchmarks.report.LossPage;
import parsimony.benchmarks.text.JavaText;
import parsimony.benchmarks.text.ScalaText;
import parsimony.core.AtomicFile;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.io.AdapterFile;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.text.Corpus;
import parsimony.core.text.TokenFile;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.TrainingRun;
import parsimony.core.train.Tuning;
import parsimony.core.train.ValidationCurve;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
        name = "finetune",
        description = {
            "Teach a model another kind of text, by changing few numbers or all of them at less cost.",
            "What was learned becomes an adapter in PEFT's format, or a model where all weights were trained.",
            "Stopped at any moment, the same command goes on and ends with the same numbers."
        },
        footer = {
            "",
            "Examples:",
            "  parsimony finetune --method lora:rank=8 --output runs/scala",
            "  parsimony generate --adapter runs/scala/adapter --prompt 'def map[B]('",
            "  parsimony finetune --method qlora --data notes.txt --output runs/notes",
            "  parsimony finetune --model pruned --method lora --learning-rate 3e-3 --data libraries/*.jar --output runs/recovered"
        })
final class FineTune implements Callable<Integer> {
    private static final int VALIDATIONS = 10;
    private static final long VALIDATION_BYTES = 20_000;
    private static final int LARGEST_PASS = 2048;
    private static final int STEPS_PER_LINE = 10;

    @Mixin
    private CommonOptions common;

    @Mixin
    private ModelOptions model;

    @Option(
            names = "--method",
            required = true,
            paramLabel = "SPEC",
            converter = AppliedTechnique.Converter.class,
            description =
                    "A method of fine-tuning with its options, such as lora:rank=8; techniques before it, joined by +, are applied first.")
    private AppliedTechnique method;

    @Option(
            names = "--data",
            paramLabel = "FILE",
            arity = "1..*",
            description =
                    "Text files to learn, or jars of Java sources (default: the sources of " + ScalaText.NAME + ").")
    private List<Path> data = List.of();

    @Option(
            names = "--validation",
            paramLabel = "FILE",
            arity = "1..*",
            description =
                    "Text files to follow the quality on (default: every tenth file of the data, which is not learned).")
    private List<Path> validation = List.of();

    @Option(
            names = "--steps",
            paramLabel = "N",
            defaultValue = "100",
            description = "Updates (default: ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--tokens-per-step",
            paramLabel = "N",
            defaultValue = "4096",
            description = "Tokens behind one update, a multiple of --context (default: ${DEFAULT-VALUE}).")
    private int tokensPerStep;

    @Option(
            names = "--context",
            paramLabel = "N",
            defaultValue = "512",
            description = "Tokens of a training sequence (default: ${DEFAULT-VALUE}).")
    private int context;

    @Option(
            names = "--learning-rate",
            paramLabel = "RATE",
            description =
                    "At its peak; it rises over a tenth of the steps and then falls as a cosine (default: the method's).")
    private Double learningRate;

    @Option(
            names = "--output",
            required = true,
            paramLabel = "FOLDER",
            description = "Where checkpoint, curves and what was learned go.")
    private Path output;

    @Mixin
    private CalibrationOptions calibration;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        TechniqueSpec.Step<?> last = method.spec().steps().getLast();
        if (!(last.technique() instanceof FineTuner<?>)) {
            throw usage("--method " + method.text()
                    + " does not end in a method of fine-tuning; parsimony techniques lists those of the module lora");
        }
        calibration.check();
        requirePositive("--steps", steps);
        requirePositive("--tokens-per-step", tokensPerStep);
        if (context < 2 || context % 2 != 0) {
            throw usage("--context must be an even number of at least 2, not " + context);
        }
        if (tokensPerStep % context != 0) {
            throw usage("--tokens-per-step must be a multiple of the context of " + context + ", not " + tokensPerStep);
        }
        if (learningRate != null && !(learningRate > 0 && learningRate < Double.POSITIVE_INFINITY)) {
            throw usage("--learning-rate must be above 0, not " + learningRate);
        }
        tune(last);
        return 0;
    }

    private void requirePositive(String option, int number) {
        if (number < 1) {
            throw usage(option + " must be at least 1, not " + number);
        }
    }

    private <O extends Record> void tune(TechniqueSpec.Step<O> last) throws IOException {
        FineTuner<O> tuner = (FineTuner<O>) last.technique();
        LanguageModel opened = model.open();
        if (context > opened.transformer().config().contextLength()) {
            throw usage("--context must be at most the model's "
                    + opened.transformer().config().contextLength() + ", not " + context);
        }
        OutputFile.makeFolder(spec, "--output", output);
        requireSameRun(opened);
        ScalaText text = text();
        Path tokens = output.resolve("corpus.tokens");
        if (!Files.exists(tokens)) {
            say("encoding " + text.training());
            TokenFile.build(text.training(), opened.tokenizer(), tokens, common.seed());
        }
        try (TokenFile read = TokenFile.open(tokens);
                Backend backend = common.createBackend()) {
            Transformer start = start(opened, backend);
            TrainingOptions training = training(learningRate == null ? tuner.learningRate() : learningRate);
            Tuning tuning = tuner.prepare(start, last.options(), new FineTuner.Setup(backend, training, common.seed()));
            Trainer trainer = tuning.trainer(read::read);
            TrainingRun run = new TrainingRun(trainer, output, Math.max(1, steps / VALIDATIONS));
            say("%s: %,d of %,d numbers are trained on %,d tokens%s"
                    .formatted(
                            method.spec(),
                            tuning.trainableParameters(),
                            start.config().parameters(),
                            (long) steps * tokensPerStep,
                            run.step() == 0 ? "" : ", going on after step " + run.step()));
            Validation checks = new Validation(opened, text.heldOut(), tuning, backend, run);
            checks.before();
            run.run(checks);
            checks.end();
            write(opened, tuning);
        }
    }

    /** What techniques before the last one make of the model. */
    private Transformer start(LanguageModel opened, Backend backend) throws IOException {
        Optional<TechniqueSpec> before = method.spec().beforeLast();
        if (before.isEmpty()) {
            return opened.transformer();
        }
        TechniqueContext context = TechniqueContext.of(backend)
                .withCalibration(calibration.sequences(opened, common.seed(), CalibrationOptions.SEQUENCES))
                .withSeed(common.seed());
        return before.get().apply(opened.transformer(), context);
    }

    private TrainingOptions training(double rate) {
        int sequences = tokensPerStep / context;
        int together = Math.clamp(LARGEST_PASS / context, 1, sequences);
        while (sequences % together != 0) {
            together--;
        }
        return TrainingOptions.fineTuning(steps, context, tokensPerStep, together * context, rate);
    }

    private ScalaText text() throws IOException {
        if (data.isEmpty() && validation.isEmpty()) {
            return ScalaText.read();
        }
        Corpus learned = data.isEmpty() ? ScalaText.read().training() : Texts.toLearn(data);
        return validation.isEmpty() ? ScalaText.split(learned) : new ScalaText(learned, Texts.corpus(validation));
    }

    /** Refuses a folder in which something else was being learned. */
    private void requireSameRun(LanguageModel opened) throws IOException {
        Map<String, Object> settings = new LinkedHashMap<>();
        settings.put("model", opened.name());
        settings.put("method", method.spec().toString());
        settings.put("data", data.stream().map(Path::toString).toList());
        settings.put("steps", steps);
        settings.put("tokens per step", tokensPerStep);
        settings.put("context", context);
        settings.put("learning rate", learningRate == null ? "the method's" : learningRate);
        settings.put("seed", common.seed());
        String text = settings.entrySet().stream()
                .map(entry -> entry.getKey() + " = " + entry.getValue() + "\n")
                .reduce("", String::concat);
        Path file = output.resolve("run.txt");
        if (Files.exists(file) && !Files.readString(file).equals(text)) {
            throw new IOException(
                    output + " holds another run, whose settings are in " + file + "; name another folder");
        }
        AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private void write(LanguageModel opened, Tuning tuning) throws IOException {
        Optional<AdapterFile> adapter = tuning.adapter();
        if (adapter.isPresent()) {
            Path folder = output.resolve("adapter");
            adapter.get().write(folder);
            say("written: " + folder);
        } else {
            Path folder = output.resolve("model");
            new LanguageModel(opened.name(), tuning.finished(), opened.tokenizer())
                    .saveHuggingFace(folder, DataType.BF16);
            say("written: " + folder);
        }
    }

    private void say(String sentence) {
        spec.commandLine().getErr().println(sentence);
        spec.commandLine().getErr().flush();
    }

    private ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** Follows loss and quality, and says how long it will take. */
    private final class Validation implements TrainingRun.Listener {
        private final PrintWriter err = spec.commandLine().getErr();
        private final StatusLine status = new StatusLine(err, Terminal.showsErrors());
        private final Tuning tuning;
        private final TrainingRun run;
        private final Evaluator evaluator;
        private final HeldOutText text;
        private final ValidationCurve curve;
        private final int firstStep;
        private final long started = System.nanoTime();

        Validation(LanguageModel opened, Corpus heldOut, Tuning tuning, Backend backend, TrainingRun run)
                throws IOException {
            this.tuning = tuning;
            this.run = run;
            firstStep = run.step();
            evaluator = new Evaluator(new Ops(backend), context);
            text = HeldOutText.of(
                    "validation", JavaText.sample(heldOut, VALIDATION_BYTES, common.seed()), opened.tokenizer());
            curve = ValidationCurve.open(output.resolve("validation.csv"), firstStep);
        }

        /** The quality before the first step. */
        void before() throws IOException {
            if (firstStep == 0) {
                measure(0);
            }
        }

        private void measure(int step) throws IOException {
            if (text.tokens() == 0) {
                return;
            }
            curve.add(
                    step,
                    evaluator
                            .evaluate(tuning.model(), text, Evaluator.Progress.SILENT)
                            .bitsPerByte());
            status.clear();
            say("step %d: %.3f bits per byte of the validation text"
                    .formatted(step, curve.points().getLast().bitsPerByte()));
        }

        @Override
        public void stepped(Trainer.Report report) {
            double secondsPerStep = (System.nanoTime() - started) / 1e9 / (report.step() - firstStep);
            long left = Math.round((steps - report.step()) * secondsPerStep);
            String line = String.format(
                    Locale.ROOT,
                    "step %d of %d, loss %.3f, %.0f tokens/s, %d:%02d left",
                    report.step(),
                    steps,
                    run.curve().smoothed().getLast(),
                    tokensPerStep / secondsPerStep,
                    left / 60,
                    left % 60);
            status.show(line);
            if (!Terminal.showsErrors() && report.step() % STEPS_PER_LINE == 0) {
                say(line);
            }
        }

        @Override
        public void saved() throws IOException {
            measure(run.step());
            LossPage.write(
                    method.spec().toString(),
                    run.curve(),
                    curve,
                    tuning.setup().training(),
                    output.resolve("loss.html"));
        }

        void end() {
            status.clear();
            if (curve.points().size() > 1) {
                say("bits per byte of the validation text (%,d bytes): %.3f before, %.3f after"
                        .formatted(
                                text.bytes(),
                                curve.points().getFirst().bitsPerByte(),
                                curve.points().getLast().bitsPerByte()));
            }
        }
    }
}
