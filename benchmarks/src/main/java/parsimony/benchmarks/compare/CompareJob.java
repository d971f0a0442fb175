package parsimony.benchmarks.compare;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import parsimony.benchmarks.compare.Measurement.PeakMemory;
import parsimony.benchmarks.compare.Measurement.Quality;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.eval.Evaluation;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.Reference;
import parsimony.core.eval.Speed;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Dense;
import parsimony.core.technique.Progress;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.technique.Techniques;
import parsimony.core.tensor.DataType;
import parsimony.core.text.Corpus;

/**
 * Applies each technique to a copy of one model and measures what it costs and what it saves, all in one run, against the dense 32-bit model.
 */
public final class CompareJob {
    private static final Speed.Options PROBE_SPEED = new Speed.Options(256, 8, Duration.ZERO, 1, 0);

    private final LanguageModel model;
    private final Backend backend;
    private final Options options;

    /**
     * @param techniques what to measure beside the dense baseline, which always comes first
     * @param heldOut documents to measure quality on
     * @param textName what the text is called beside the numbers
     * @param calibration token ids that techniques may look at; never the held-out text
     * @param context tokens of a window of the quality measurement
     * @param speed how speed is measured
     * @param deadline for starting another row, or null for none
     * @param seed of everything random
     */
    public record Options(
            List<TechniqueSpec> techniques,
            Corpus heldOut,
            String textName,
            List<int[]> calibration,
            int context,
            Speed.Options speed,
            Duration deadline,
            long seed) {}

    /** Hears how the job goes. */
    public interface Listener {
        /** What is being done now, in a few words. */
        void doing(String what);

        /** Something that the user should know. */
        void noted(String message);

        /** Another row is there: the last of these. */
        void measured(Result soFar);

        /** The time is up before this row was begun. */
        void skipped(TechniqueSpec technique);

        /** This technique cannot be applied to this model; the others go on. */
        void failed(TechniqueSpec technique, TechniqueException why);
    }

    /**
     * @param rows one for each technique that was measured, the dense baseline first
     * @param missing techniques that were asked for and are not measured yet, or not at all
     * @param protocol of the quality measurement
     */
    public record Result(List<Measurement> rows, List<TechniqueSpec> missing, Evaluation.Protocol protocol) {
        public Result {
            rows = List.copyOf(rows);
            missing = List.copyOf(missing);
        }
    }

    public CompareJob(LanguageModel model, Backend backend, Options options) {
        this.model = model;
        this.backend = backend;
        this.options = options;
    }

    /** The dense baseline, then what each installed technique that compresses wants to show: all of it, or one row each. */
    public static List<TechniqueSpec> showcase(boolean quick) {
        List<TechniqueSpec> specs = new ArrayList<>();
        for (Technique<?> technique : Techniques.all()) {
            if (technique.suite() != Technique.Suite.COMPRESSION) {
                continue;
            }
            List<TechniqueSpec> shown = TechniqueSpec.showcase(technique);
            List<TechniqueSpec> rows = quick ? shown.subList(0, Math.min(1, shown.size())) : shown;
            specs.addAll(technique instanceof Dense ? 0 : specs.size(), rows);
        }
        return specs;
    }

    /** Measures everything, row by row; the listener gets the rows. */
    public void run(Listener listener) {
        long started = System.nanoTime();
        Ops ops = new Ops(backend);
        listener.doing("encoding the held-out text");
        HeldOutText text = HeldOutText.of(options.textName, options.heldOut, model.tokenizer());
        TechniqueContext context = TechniqueContext.of(backend)
                .withCalibration(options.calibration)
                .withSeed(options.seed);
        TechniqueSpec dense =
                new TechniqueSpec(List.of(new TechniqueSpec.Step<>(new Dense(), new Dense.Options(DataType.F32))));
        Transformer baseline = dense.apply(model.transformer(), context);
        Reference reference = new Reference(baseline);
        Evaluator evaluator = new Evaluator(ops, options.context);
        Map<String, TechniqueSpec> specs = new LinkedHashMap<>();
        specs.put(dense.toString(), dense);
        options.techniques.forEach(spec -> specs.putIfAbsent(spec.toString(), spec));

        List<Measurement> rows = new ArrayList<>();
        List<TechniqueSpec> missing = new ArrayList<>(specs.values());
        for (TechniqueSpec spec : specs.values()) {
            if (!rows.isEmpty() && isOver(started)) {
                listener.skipped(spec);
                continue;
            }
            listener.doing(spec + ": applying");
            Progress progress = (what, done, total, bytes) ->
                    listener.doing(spec + ": " + what + " (" + done + " of " + total + ")");
            Transformer compressed;
            PeakMemory peak;
            double applySeconds;
            try (MemoryProbe probe = new MemoryProbe()) {
                long applying = System.nanoTime();
                compressed = spec.apply(
                        model.transformer(),
                        context.withProgress(progress.noting(message -> listener.noted(spec + ": " + message))));
                applySeconds = (System.nanoTime() - applying) / 1e9;
                Speed.measure(ops, compressed, PROBE_SPEED);
                peak = probe.peak();
            } catch (TechniqueException e) {
                listener.failed(spec, e);
                continue;
            }
            Evaluation quality = evaluator.evaluate(
                    compressed,
                    reference,
                    text,
                    (scored, tokens, bits) -> listener.doing(spec + ": quality, " + 100 * scored / tokens + " %"));
            listener.doing(spec + ": speed");
            Speed.Comparison speed = Speed.compare(ops, compressed, baseline, options.speed);
            double denseBits = rows.isEmpty()
                    ? quality.bitsPerByte()
                    : rows.getFirst().quality().bitsPerByte();
            Measurement row = new Measurement(
                    spec.toString(),
                    seriesName(spec),
                    Survey.title(spec.steps().getLast().technique()),
                    bitsPerWeight(compressed),
                    8.0 * compressed.bytes() / compressed.config().parameters(),
                    compressed.bytes(),
                    compressed.bytes() + preparedBytes(compressed),
                    peak,
                    new Quality(
                            quality.bitsPerByte(),
                            quality.bitsPerByte() - denseBits,
                            quality.perplexity(),
                            quality.divergence().kullbackLeibler(),
                            quality.divergence().topOneAgreement()),
                    speed.model().prefill(),
                    speed.model().decode(),
                    rows.isEmpty() ? 1 : speed.prefillRatio(),
                    rows.isEmpty() ? 1 : speed.decodeRatio(),
                    applySeconds,
                    backend.name());
            rows.add(row);
            missing.remove(spec);
            listener.measured(new Result(rows, missing, quality.protocol()));
        }
    }

    private boolean isOver(long started) {
        return options.deadline != null && System.nanoTime() - started > options.deadline.toNanos();
    }

    private static double bitsPerWeight(Transformer model) {
        long bytes = 0;
        long weights = 0;
        for (Linear linear : model.linears()) {
            bytes += linear.weight().bytes();
            weights += (long) linear.outputs() * linear.inputs();
        }
        return 8.0 * bytes / weights;
    }

    private static long preparedBytes(Transformer model) {
        return model.linears().stream().mapToLong(Linear::preparedBytes).sum()
                + model.output().preparedBytes();
    }

    private static String seriesName(TechniqueSpec spec) {
        return String.join(
                "+", spec.steps().stream().map(step -> step.technique().name()).toList());
    }
}
