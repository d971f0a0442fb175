package parsimony.benchmarks.suite;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.ref.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;
import parsimony.benchmarks.text.Calibration;
import parsimony.benchmarks.text.JavaText;
import parsimony.benchmarks.text.ScalaText;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Tensor;
import parsimony.core.text.Corpus;
import parsimony.core.text.TokenFile;
import parsimony.core.train.FineTuner;
import parsimony.core.train.FullFineTuning;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingData;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.Tuning;

/** What it costs to teach a model another kind of text, by each method, and what that gains and makes it forget. */
final class FinetuneSuite implements Suite {
    private static final int LONGEST_CONTEXT = 512;
    private static final int TOKENS_PER_STEP = 2048;
    private static final int STEPS = 40;
    private static final int QUICK_STEPS = 8;
    private static final double[] RATES = {1, 0.3, 3};
    private static final double[] QUICK_RATES = {1};
    private static final long TEXT_BYTES = 40_000;
    private static final long QUICK_TEXT_BYTES = 8_000;
    private static final long CHOICE_BYTES = 15_000;
    private static final int TIMED_STEPS = 15;
    private static final int CALIBRATION_WINDOWS = 64;

    @Override
    public Technique.Suite kind() {
        return Technique.Suite.FINETUNE;
    }

    @Override
    public String title() {
        return "Learning another kind of text";
    }

    @Override
    public List<String> protocol(Request request) {
        int steps = steps(request);
        return List.of(
                "Every method reads the same %,d tokens of %s, in %d steps of %,d, with AdamW where it has no optimizer of its own, and with the best of %d learning rates, chosen on text of its own."
                        .formatted(
                                (long) steps * TOKENS_PER_STEP,
                                ScalaText.NAME,
                                steps,
                                TOKENS_PER_STEP,
                                rates(request).length),
                "New and old are bits per byte of samples of %,d bytes of every tenth file of %s, which is not trained on, and of commons-lang3 and commons-collections4, in windows of %d tokens."
                        .formatted(textBytes(request), ScalaText.NAME, context(request)),
                "Gain is the share of full fine-tuning's gain in bits per byte of the new text.",
                "Activations are what the tape keeps for the backward pass of %,d tokens; held is the heap that lives after the forward pass beyond what lived before. Step is the time of a step as a multiple of that of full fine-tuning between two of them, the median of %d."
                        .formatted(TOKENS_PER_STEP, allSteps(request) / timingInterval(request)));
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column("trainable", "trained", "Trained", "numbers that are trained", Unit.COUNT, false),
                new Column("share", "of all", "Of all", "as a share of the model's parameters", Unit.SHARE, false),
                new Column(
                        "weights",
                        "weights",
                        "Weights",
                        "bytes of the model with what is learned beside it",
                        Unit.BYTES,
                        false),
                new Column(
                        "gradients",
                        "gradients",
                        "Gradients",
                        "the most bytes of parameters' gradients at a time",
                        Unit.BYTES,
                        false),
                new Column(
                        "optimizer", "optimizer", "Optimizer", "bytes that the optimizer remembers", Unit.BYTES, false),
                new Column(
                        "activations",
                        "activat.",
                        "Activations",
                        "bytes kept for the backward pass, as the tape counts them",
                        Unit.BYTES,
                        false),
                new Column("held", "held", "Held", "bytes of heap that live after the forward pass", Unit.BYTES, false),
                new Column(
                        "step",
                        "step",
                        "Step",
                        "time of a step as a multiple of full fine-tuning's",
                        Unit.TIMES,
                        false),
                new Column("rate", "rate", "Learning rate", "the best of those tried", Unit.SCIENTIFIC, false),
                new Column("new", "new", "New text", "bits per byte after training", Unit.FINE, false),
                new Column(
                        "gain", "gain", "Gain", "share of full fine-tuning's gain on the new text", Unit.SHARE, true),
                new Column(
                        "old",
                        "old",
                        "Old text",
                        "bits per byte of Java after training: what is forgotten",
                        Unit.FINE,
                        false));
    }

    @Override
    public List<Chart> charts() {
        return List.of(
                new Chart(
                        "What is learned against what is trained",
                        "Up is better, left is cheaper. The points of LoRA differ by rank, one by what it adapts.",
                        "trainable",
                        "gain",
                        true,
                        false,
                        Kind.LINES),
                new Chart(
                        "Memory against what is learned",
                        "Activations that a training pass keeps. Down is better, right is better.",
                        "gain",
                        "activations",
                        false,
                        false,
                        Kind.POINTS),
                new Chart(
                        "Learning against forgetting",
                        "Down and left are better: the new text is learned and the old one is kept.",
                        "new",
                        "old",
                        false,
                        false,
                        Kind.POINTS));
    }

    private static int steps(Request request) {
        return request.quick() ? QUICK_STEPS : STEPS;
    }

    private static int context(Request request) {
        return Math.min(LONGEST_CONTEXT, request.model().transformer().config().contextLength());
    }

    private static double[] rates(Request request) {
        return request.quick() ? QUICK_RATES : RATES;
    }

    private static int allSteps(Request request) {
        return steps(request) * rates(request).length;
    }

    private static int timingInterval(Request request) {
        return Math.max(2, allSteps(request) / TIMED_STEPS);
    }

    private static long textBytes(Request request) {
        return request.quick() ? QUICK_TEXT_BYTES : TEXT_BYTES;
    }

    @Override
    public void run(Request request, Listener listener) throws IOException {
        listener.doing("encoding the text");
        ScalaText scala = ScalaText.read();
        Path file = Files.createTempFile("parsimony-", ".tokens");
        try {
            TokenFile.build(scala.training(), request.model().tokenizer(), file, request.seed());
            try (TokenFile tokens = TokenFile.open(file)) {
                new Run(request, listener, scala, tokens::read).run();
            }
        } finally {
            Files.deleteIfExists(file);
        }
    }

    /** One run on one text. */
    private static final class Run {
        private final Request request;
        private final Listener listener;
        private final TrainingData data;
        private final Ops ops;
        private final Evaluator evaluator;
        private final int context;
        private final HeldOutText newText;
        private final HeldOutText oldText;
        private final HeldOutText choiceText;
        private double newBefore;
        private double gainOfFull = Double.NaN;

        Run(Request request, Listener listener, ScalaText scala, TrainingData data) throws IOException {
            this.request = request;
            this.listener = listener;
            this.data = data;
            ops = new Ops(request.backend());
            context = context(request);
            evaluator = new Evaluator(ops, context);
            long bytes = textBytes(request);
            newText = text(JavaText.sample(scala.heldOut(), bytes, request.seed()));
            oldText = text(JavaText.sample(JavaText.heldOut(), bytes, request.seed()));
            choiceText = text(JavaText.sample(scala.heldOut(), CHOICE_BYTES, request.seed() + 1));
        }

        private HeldOutText text(Corpus corpus) {
            return HeldOutText.of("", corpus, request.model().tokenizer());
        }

        void run() throws IOException {
            Transformer base = request.model().transformer();
            listener.doing("the model as it is");
            newBefore = bits(base, newText);
            Map<String, Double> values = new HashMap<>();
            values.put("weights", (double) base.bytes());
            values.put("new", newBefore);
            values.put("old", bits(base, oldText));
            values.put("gain", 0.0);
            listener.measured(new Row("the model as it is", "untrained", "", values));
            // Full fine-tuning first: the others' gains are shares of its own.
            List<TechniqueSpec> ordered = new ArrayList<>(request.techniques());
            ordered.sort(Comparator.comparing(spec -> !isBaseline(spec)));
            for (TechniqueSpec spec : ordered) {
                measure(spec);
            }
        }

        private static boolean isBaseline(TechniqueSpec spec) {
            return spec.steps().size() == 1 && spec.steps().getFirst().technique() instanceof FullFineTuning;
        }

        private double bits(Transformer model, HeldOutText text) {
            return evaluator.evaluate(model, text, Evaluator.Progress.SILENT).bitsPerByte();
        }

        private void measure(TechniqueSpec spec) throws IOException {
            try {
                if (!(spec.steps().getLast().technique() instanceof FineTuner<?>)) {
                    listener.failed(spec, "it is no method of fine-tuning");
                    return;
                }
                measure(spec, spec.steps().getLast());
            } catch (TechniqueException e) {
                listener.failed(spec, e.getMessage());
            }
        }

        private <O extends Record> void measure(TechniqueSpec spec, TechniqueSpec.Step<O> last) throws IOException {
            FineTuner<O> tuner = (FineTuner<O>) last.technique();
            Transformer start = start(spec);
            Tuning best = null;
            double bestRate = 0;
            double bestBits = Double.POSITIVE_INFINITY;
            Trainer bestTrainer = null;
            StepTimes times = new StepTimes(baseline(), timingInterval(request));
            for (double factor : rates(request)) {
                double rate = factor * tuner.learningRate();
                Tuning tuning = tuner.prepare(start, last.options(), setup(rate));
                Trainer trainer = tuning.trainer(data);
                while (!trainer.isDone()) {
                    times.run(trainer);
                    listener.doing("%s: learning rate %.1e, step %d of %d"
                            .formatted(spec, rate, trainer.step(), steps(request)));
                }
                double bits = bits(tuning.model(), choiceText);
                // Where training diverged there is no number, and the comparison is false.
                if (best == null || bits < bestBits) {
                    best = tuning;
                    bestRate = rate;
                    bestBits = bits;
                    bestTrainer = trainer;
                }
            }
            listener.doing(spec + ": quality");
            Map<String, Double> values = new HashMap<>();
            double after = bits(best.model(), newText);
            double gain = newBefore - after;
            if (isBaseline(spec)) {
                gainOfFull = gain;
            }
            values.put("trainable", (double) best.trainableParameters());
            values.put(
                    "share",
                    (double) best.trainableParameters() / best.model().config().parameters());
            values.put("weights", (double) weightBytes(best));
            values.put("gradients", (double) bestTrainer.lastUpdate().gradientBytes());
            values.put("optimizer", (double) optimizerBytes(best));
            values.put("activations", (double) bestTrainer.lastUpdate().activationBytes());
            values.put("rate", bestRate);
            values.put("new", after);
            values.put("old", bits(best.model(), oldText));
            if (gainOfFull > 0) {
                values.put("gain", gain / gainOfFull);
            }
            listener.doing(spec + ": memory and time");
            values.put("held", (double) heldBytes(best, bestTrainer.lastUpdate().activationBytes() > 0));
            values.put("step", times.ratio());
            values.values().removeIf(value -> !Double.isFinite(value));
            listener.measured(new Row(spec.toString(), tuner.name(), Survey.title(tuner), values));
        }

        /** The model after the steps before the last, which are no fine-tuning. */
        private Transformer start(TechniqueSpec spec) throws IOException {
            Optional<TechniqueSpec> before = spec.beforeLast();
            if (before.isEmpty()) {
                return request.model().transformer();
            }
            List<int[]> calibration = Calibration.windows(
                    JavaText.calibration(), request.model().tokenizer(), CALIBRATION_WINDOWS, context, request.seed());
            TechniqueContext applying = TechniqueContext.of(request.backend())
                    .withCalibration(calibration)
                    .withSeed(request.seed());
            return before.get().apply(request.model().transformer(), applying);
        }

        private FineTuner.Setup setup(double rate) {
            int steps = steps(request);
            TrainingOptions training =
                    TrainingOptions.fineTuning(steps, context, TOKENS_PER_STEP, TOKENS_PER_STEP, rate);
            return new FineTuner.Setup(request.backend(), training, request.seed());
        }

        private static long weightBytes(Tuning tuning) {
            long own = tuning.model().trainableParameters().isEmpty() ? 4 * tuning.trainableParameters() : 0;
            return tuning.model().bytes() + own;
        }

        private static long optimizerBytes(Tuning tuning) {
            return tuning.optimizer().state().values().stream()
                    .mapToLong(tensor -> (long) Float.BYTES * tensor.size())
                    .sum();
        }

        /** What lives because of one forward pass, with the tape open if the method has a backward pass. */
        private long heldBytes(Tuning tuning, boolean backward) {
            TrainingData.Batch batch = data.batch(0, TOKENS_PER_STEP / context, context);
            Tape tape = new Tape();
            long before = liveHeap();
            if (backward) {
                tape.record(() -> loss(tuning.model(), batch));
            } else {
                loss(tuning.model(), batch);
            }
            long after = liveHeap();
            tape.backward();
            tuning.parameters().values().forEach(parameter -> parameter.setGradient(null));
            Reference.reachabilityFence(tape);
            return Math.max(0, after - before);
        }

        private double loss(Transformer model, TrainingData.Batch batch) {
            Tensor logits = model.forward(ForwardContext.batch(ops, batch.inputs(), context));
            return ops.crossEntropy(logits, batch.targets(), 1);
        }

        private static long liveHeap() {
            System.gc();
            return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        }

        private Trainer baseline() {
            FullFineTuning full = new FullFineTuning();
            return full.prepare(request.model().transformer(), full.defaults(), setup(full.learningRate()))
                    .trainer(data);
        }
    }
}
