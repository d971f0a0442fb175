package parsimony.benchmarks.suite;

import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import parsimony.benchmarks.result.Figures;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Place;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Result.TextRecord;
import parsimony.benchmarks.result.Unit;
import parsimony.core.autograd.Ops;
import parsimony.core.eval.Evaluation;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.Reference;
import parsimony.core.eval.Speed;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Dense;
import parsimony.core.technique.Progress;
import parsimony.core.technique.Survey;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.text.Corpus;

/**
 * The main job: each technique is applied to a copy of one model, and what it costs and what it saves is measured against the dense 32-bit model, all in
 * one run.
 */
public final class CompressionSuite implements Suite {
    private static final Speed.Options PROBE_SPEED = new Speed.Options(256, 8, Duration.ZERO, 1, 0);

    /** Bits per byte that a model may lose and still be called close. */
    private static final double TOLERANCE = 0.01;

    private static final String WITHIN = Figures.percent(TOLERANCE, 0);

    /** Part by which the most memory that was held differs from run to run: it is looked at now and then. */
    private static final double MEMORY_NOISE = 0.2;

    private final Options options;
    private Evaluation.Protocol measured;

    /**
     * @param heldOut documents to measure quality on
     * @param textName what the text is called beside the numbers
     * @param calibration token ids that techniques may look at; never the held-out text
     * @param context tokens of a window of the quality measurement
     * @param speed how speed is measured
     * @param deadline for starting another row, or null for none
     */
    public record Options(
            Corpus heldOut,
            String textName,
            List<int[]> calibration,
            int context,
            Speed.Options speed,
            Duration deadline) {}

    public CompressionSuite(Options options) {
        this.options = options;
    }

    @Override
    public Technique.Suite kind() {
        return Technique.Suite.COMPRESSION;
    }

    @Override
    public String title() {
        return "Smaller models";
    }

    @Override
    public List<String> protocol(Request request) {
        return List.of(
                "Quality is bits per byte of %s, %s, %s tokens: %s."
                        .formatted(
                                options.textName,
                                Figures.bytes(measured.bytes()),
                                Figures.count(measured.tokens()),
                                measured.windows()),
                "Speeds are ratios to the dense model, which was measured in turn with each row in the same run.");
    }

    @Override
    public List<TextRecord> texts() {
        return List.of(new TextRecord(options.textName, options.heldOut.sha256(), measured.bytes()));
    }

    @Override
    public List<Column> columns() {
        return List.of(
                new Column(
                        "bitsPerWeight",
                        "bits/wt",
                        "Bits per weight",
                        "of the compressed matrices, all metadata counted; below, of the whole model",
                        Unit.COARSE,
                        false),
                new Column("modelBitsPerWeight", "model", "Of the model", "bits per parameter", Unit.COARSE, false)
                        .at(Place.BELOW),
                new Column(
                        "diskBytes",
                        "disk",
                        "On disk",
                        "the model as a file; below, as a part of the dense model's",
                        Unit.BYTES,
                        false),
                new Column(
                                "diskShare",
                                "",
                                "Of dense",
                                "bytes on disk as a part of the dense model's",
                                Unit.SHARE,
                                false)
                        .at(Place.BELOW),
                new Column(
                        "memoryBytes",
                        "memory",
                        "In memory",
                        "the model with what the backend keeps beside it; below, as a part of the dense model's",
                        Unit.BYTES,
                        false),
                new Column(
                                "memoryShare",
                                "",
                                "Of dense",
                                "bytes in memory as a part of the dense model's",
                                Unit.SHARE,
                                false)
                        .at(Place.BELOW),
                new Column(
                        "bitsPerByte",
                        "bits/byte",
                        "Bits per byte",
                        "of held-out text, fewer is better; below, perplexity a token",
                        Unit.FINE,
                        false),
                new Column("perplexity", "ppl", "Perplexity", "a token", Unit.COARSE, false).at(Place.BELOW),
                new Column(
                        "change",
                        "change",
                        "Change",
                        "of bits per byte from the dense model, relative and absolute",
                        Unit.CHANGE,
                        false),
                new Column("absoluteChange", "", "Change", "in bits per byte", Unit.SIGNED, false).at(Place.BELOW),
                new Column(
                                "divergence",
                                "KL",
                                "Divergence",
                                "from the dense model (Kullback–Leibler, nats a token); below, how often both rank a token first",
                                Unit.FINER,
                                false)
                        .at(Place.PAGE),
                new Column("agreement", "top-1", "Agreement", "how often both rank a token first", Unit.SHARE, true)
                        .at(Place.BELOW),
                new Column(
                        "prefillRatio",
                        "prefill",
                        "Prefill",
                        "speed of reading a prompt, relative to the dense model measured in turn; below, tokens a second",
                        Unit.TIMES,
                        true),
                new Column("prefillTokensPerSecond", "", "Tokens a second", "reading a prompt", Unit.RATE, true)
                        .at(Place.BELOW)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column(
                        "decodeRatio",
                        "decode",
                        "Decode",
                        "speed of writing token by token, relative to the dense model measured in turn; below, tokens a second",
                        Unit.TIMES,
                        true),
                new Column("decodeTokensPerSecond", "", "Tokens a second", "writing token by token", Unit.RATE, true)
                        .at(Place.BELOW)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column(
                                "peakBytes",
                                "peak mem",
                                "Peak memory",
                                "the most held while this row was made and measured; below, heap + native + mapped files",
                                Unit.BYTES,
                                false)
                        .noisy(MEMORY_NOISE),
                new Column("peakHeapBytes", "", "Heap", "bytes", Unit.BYTES, false)
                        .at(Place.BELOW)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column("peakNativeBytes", "+", "Native", "bytes", Unit.BYTES, false)
                        .at(Place.BELOW)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column("peakMappedBytes", "+", "Mapped", "bytes", Unit.BYTES, false)
                        .at(Place.BELOW)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column("applySeconds", "apply", "Made in", "time to make this row's model", Unit.SECONDS, false)
                        .at(Place.PAGE)
                        .noisy(Double.POSITIVE_INFINITY),
                new Column("backend", "", "Backend", "what computed this row", Unit.TEXT, false).at(Place.PAGE));
    }

    @Override
    public List<Chart> charts() {
        return List.of(
                new Chart(
                        "Quality against size",
                        "Down is better, left is smaller. The line joins the models that no other beats in both.",
                        "diskBytes",
                        "bitsPerByte",
                        true,
                        false,
                        Kind.FRONT),
                new Chart(
                        "Quality against bits a weight",
                        "Of the compressed matrices, all metadata counted. Down is better, left is smaller.",
                        "bitsPerWeight",
                        "bitsPerByte",
                        true,
                        false,
                        Kind.FRONT),
                new Chart(
                        "Quality against decode speed",
                        "Writing one token at a time. Down is better, right is faster.",
                        "decodeRatio",
                        "bitsPerByte",
                        false,
                        false,
                        Kind.FRONT),
                new Chart(
                        "Quality against prefill speed",
                        "Reading a prompt. Down is better, right is faster.",
                        "prefillRatio",
                        "bitsPerByte",
                        false,
                        false,
                        Kind.FRONT),
                new Chart(
                        "Decode speed against bits a weight",
                        "Up is faster, left is smaller.",
                        "bitsPerWeight",
                        "decodeRatio",
                        true,
                        false,
                        Kind.POINTS));
    }

    /** The smallest model that stays close to the dense one, or that none does. */
    @Override
    public Finding finding(List<Row> rows) {
        Row dense = rows.getFirst();
        String denseQuality = Figures.fixed(dense.value("bitsPerByte"), 3) + " bits per byte";
        List<Row> smaller = rows.stream()
                .filter(row -> row.value("diskBytes") < dense.value("diskBytes"))
                .toList();
        if (smaller.isEmpty()) {
            return new Finding(
                    "The dense model: " + denseQuality,
                    "The dense model needs %s of %s and %s on disk; nothing smaller was measured."
                            .formatted(denseQuality, options.textName, disk(dense)));
        }
        List<Row> close =
                smaller.stream().filter(row -> row.value("change") <= TOLERANCE).toList();
        Optional<Row> smallest = close.stream()
                .min(Comparator.comparingDouble((Row row) -> row.value("diskBytes"))
                        .thenComparingDouble(row -> row.value("bitsPerByte")));
        if (smallest.isPresent()) {
            Row row = smallest.get();
            return new Finding(
                    timesSmaller(row, dense) + ", " + cost(row),
                    "%s within %s of the dense one's %s is `%s`: %s instead of %s on disk, %s, decoding at %s the dense speed."
                            .formatted(
                                    close.size() == 1
                                            ? "The only smaller model"
                                            : "The smallest of " + close.size() + " models",
                                    WITHIN,
                                    denseQuality,
                                    row.name(),
                                    disk(row),
                                    disk(dense),
                                    cost(row),
                                    Figures.times(row.value("decodeRatio"))));
        }
        // What is no number comes last.
        Row closest = smaller.stream()
                .min(Comparator.comparingDouble(row -> row.value("change")))
                .orElseThrow();
        return new Finding(
                "None stays within " + WITHIN + " of the dense model",
                "No smaller model stays within %s of the dense one's %s; the closest, `%s`, is %s on disk and needs %s."
                        .formatted(WITHIN, denseQuality, closest.name(), timesSmaller(closest, dense), cost(closest)));
    }

    private static String disk(Row row) {
        return Figures.bytes(Math.round(row.value("diskBytes")));
    }

    private static String timesSmaller(Row row, Row dense) {
        return Figures.fixed(dense.value("diskBytes") / row.value("diskBytes"), 1) + " times smaller";
    }

    private static String cost(Row row) {
        double change = row.value("change");
        String percent = Figures.percent(Math.abs(change), 1);
        if (percent.equals(Figures.percent(0, 1))) {
            return "the same bits per byte";
        }
        return percent + (change < 0 ? " fewer" : " more") + " bits per byte";
    }

    /** The dense 32-bit model comes first, whether it was asked for or not. */
    @Override
    public void run(Request request, Listener listener) {
        long started = System.nanoTime();
        Ops ops = new Ops(request.backend());
        listener.doing("encoding the held-out text");
        HeldOutText text = HeldOutText.of(
                options.textName, options.heldOut, request.model().tokenizer());
        TechniqueContext context = TechniqueContext.of(request.backend())
                .withCalibration(options.calibration)
                .withSeed(request.seed());
        TechniqueSpec dense =
                new TechniqueSpec(List.of(new TechniqueSpec.Step<>(new Dense(), new Dense.Options(DataType.F32))));
        Transformer baseline = dense.apply(request.model().transformer(), context);
        Reference reference = new Reference(baseline);
        Evaluator evaluator = new Evaluator(ops, options.context);
        Map<String, TechniqueSpec> specs = new LinkedHashMap<>();
        specs.put(dense.toString(), dense);
        request.techniques().forEach(spec -> specs.putIfAbsent(spec.toString(), spec));

        Row first = null;
        for (TechniqueSpec spec : specs.values()) {
            if (first != null && isOver(started)) {
                listener.noted("left out, the time is up: " + spec);
                continue;
            }
            listener.doing(spec + ": applying");
            Progress progress = (what, done, total, bytes) ->
                    listener.doing(spec + ": " + what + " (" + done + " of " + total + ")");
            Transformer compressed;
            MemoryProbe.PeakMemory peak;
            double applySeconds;
            try (MemoryProbe probe = new MemoryProbe()) {
                long applying = System.nanoTime();
                compressed = spec.apply(
                        request.model().transformer(),
                        context.withProgress(progress.noting(message -> listener.noted(spec + ": " + message))));
                applySeconds = (System.nanoTime() - applying) / 1e9;
                Speed.measure(ops, compressed, PROBE_SPEED);
                peak = probe.peak();
            } catch (TechniqueException e) {
                listener.failed(spec, e.getMessage());
                continue;
            }
            Evaluation quality = evaluator.evaluate(
                    compressed,
                    reference,
                    text,
                    (scored, tokens, bits) -> listener.doing(spec + ": quality, " + 100 * scored / tokens + " %"));
            measured = quality.protocol();
            listener.doing(spec + ": speed");
            Speed.Comparison speed = Speed.compare(ops, compressed, baseline, options.speed);

            Map<String, Double> values = new HashMap<>();
            values.put("bitsPerWeight", bitsPerWeight(compressed));
            values.put(
                    "modelBitsPerWeight",
                    8.0 * compressed.bytes() / compressed.config().parameters());
            values.put("diskBytes", (double) compressed.bytes());
            values.put("memoryBytes", (double) compressed.bytes() + preparedBytes(compressed));
            values.put("bitsPerByte", quality.bitsPerByte());
            values.put("perplexity", quality.perplexity());
            values.put("divergence", quality.divergence().kullbackLeibler());
            values.put("agreement", quality.divergence().topOneAgreement());
            values.put("prefillRatio", first == null ? 1 : speed.prefillRatio());
            values.put("decodeRatio", first == null ? 1 : speed.decodeRatio());
            values.put("prefillTokensPerSecond", speed.model().prefill());
            values.put("decodeTokensPerSecond", speed.model().decode());
            values.put("peakBytes", (double) peak.total());
            values.put("peakHeapBytes", (double) peak.heap());
            values.put("peakNativeBytes", (double) peak.arenas());
            values.put("peakMappedBytes", (double) peak.mapped());
            values.put("applySeconds", applySeconds);
            Map<String, Double> compared = first == null ? values : first.values();
            double denseBits = compared.getOrDefault("bitsPerByte", Double.NaN);
            values.put("absoluteChange", quality.bitsPerByte() - denseBits);
            values.put("change", quality.bitsPerByte() / denseBits - 1);
            values.put("diskShare", values.get("diskBytes") / compared.get("diskBytes"));
            values.put("memoryShare", values.get("memoryBytes") / compared.get("memoryBytes"));
            Row row = new Row(
                    spec.toString(),
                    seriesName(spec),
                    Survey.title(spec.steps().getLast().technique()),
                    Map.of("backend", request.backend().name()),
                    values,
                    Map.of("prefillRatio", speed.prefillNoise(), "decodeRatio", speed.decodeNoise()));
            if (first == null) {
                first = row;
            }
            listener.measured(row);
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
