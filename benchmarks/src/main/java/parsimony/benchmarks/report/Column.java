package parsimony.benchmarks.report;

import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import parsimony.benchmarks.compare.Measurement;
import parsimony.benchmarks.compare.Measurement.PeakMemory;

/** What is shown of a row, column by column. */
@SuppressWarnings("ImmutableEnumChecker") // The functions it holds keep no state.
enum Column {
    BITS_PER_WEIGHT(
            "bits/wt",
            7,
            "Bits per weight",
            "of the compressed matrices, all metadata counted; below, of the whole model",
            false,
            Measurement::bitsPerWeight,
            row -> Figures.fixed(row.bitsPerWeight(), 2),
            (row, dense) -> "model " + Figures.fixed(row.modelBitsPerWeight(), 2)),
    DISK(
            "disk",
            8,
            "On disk",
            "the model as a file; below, as a part of the dense model's",
            false,
            row -> (double) row.diskBytes(),
            row -> Figures.bytes(row.diskBytes()),
            (row, dense) -> Figures.percent((double) row.diskBytes() / dense.diskBytes(), 0)),
    MEMORY(
            "memory",
            8,
            "In memory",
            "the model with what the backend keeps beside it; below, as a part of the dense model's",
            false,
            row -> (double) row.memoryBytes(),
            row -> Figures.bytes(row.memoryBytes()),
            (row, dense) -> Figures.percent((double) row.memoryBytes() / dense.memoryBytes(), 0)),
    BITS_PER_BYTE(
            "bits/byte",
            9,
            "Bits per byte",
            "of held-out text, fewer is better; below, perplexity a token",
            false,
            row -> row.quality().bitsPerByte(),
            row -> Figures.fixed(row.quality().bitsPerByte(), 3),
            (row, dense) -> "ppl "
                    + Figures.fixed(row.quality().perplexity(), row.quality().perplexity() < 1000 ? 2 : 0)),
    CHANGE(
            "change",
            8,
            "Change",
            "of bits per byte from the dense model, relative and absolute",
            false,
            row -> row.quality().relativeChange(),
            row -> Figures.change(row.quality().relativeChange()),
            (row, dense) -> Figures.signed(row.quality().change(), 4)),
    DIVERGENCE(
            "KL",
            8,
            "Divergence",
            "from the dense model (Kullback–Leibler, nats a token); below, how often both rank a token first",
            false,
            row -> row.quality().divergence(),
            row -> Figures.fixed(row.quality().divergence(), 4),
            (row, dense) -> "top-1 " + Figures.percent(row.quality().agreement(), 1)),
    PREFILL(
            "prefill",
            7,
            "Prefill",
            "speed of reading a prompt, relative to the dense model measured in turn; below, tokens a second",
            true,
            Measurement::prefillRatio,
            row -> Figures.times(row.prefillRatio()),
            (row, dense) -> Figures.fixed(row.prefillTokensPerSecond(), 0) + "/s"),
    DECODE(
            "decode",
            7,
            "Decode",
            "speed of writing token by token, relative to the dense model measured in turn; below, tokens a second",
            true,
            Measurement::decodeRatio,
            row -> Figures.times(row.decodeRatio()),
            (row, dense) -> Figures.fixed(row.decodeTokensPerSecond(), 0) + "/s"),
    PEAK(
            "peak mem",
            8,
            "Peak memory",
            "the most held while this row was made and measured; below, heap + native + mapped files",
            false,
            row -> (double) row.peakBytes().total(),
            row -> Figures.bytes(row.peakBytes().total()),
            (row, dense) -> parts(row.peakBytes())),
    APPLY(
            "apply",
            7,
            "Made in",
            "time to make this row's model",
            false,
            Measurement::applySeconds,
            row -> Figures.seconds(row.applySeconds()),
            (row, dense) -> ""),
    BACKEND(
            "backend",
            7,
            "Backend",
            "what computed this row",
            false,
            row -> Double.NaN,
            Measurement::backend,
            (row, dense) -> "");

    /** For the terminal. */
    final String shortLabel;

    /** In the terminal, in characters. */
    final int width;

    final String label;

    /** Completes a sentence that begins with the label. */
    final String explanation;

    final boolean moreIsBetter;
    private final ToDoubleFunction<Measurement> value;
    private final Function<Measurement, String> text;
    private final BiFunction<Measurement, Measurement, String> detail;

    Column(
            String shortLabel,
            int width,
            String label,
            String explanation,
            boolean moreIsBetter,
            ToDoubleFunction<Measurement> value,
            Function<Measurement, String> text,
            BiFunction<Measurement, Measurement, String> detail) {
        this.shortLabel = shortLabel;
        this.width = width;
        this.label = label;
        this.explanation = explanation;
        this.moreIsBetter = moreIsBetter;
        this.value = value;
        this.text = text;
        this.detail = detail;
    }

    /** What rows are sorted by; may be no number. */
    double value(Measurement row) {
        return value.applyAsDouble(row);
    }

    String text(Measurement row) {
        return text.apply(row);
    }

    /** A second, smaller line; may be empty. */
    String detail(Measurement row, Measurement dense) {
        return detail.apply(row, dense);
    }

    private static String parts(PeakMemory peak) {
        return "%s + %s + %s"
                .formatted(
                        Figures.fixed(peak.heap() / 1e6, 0),
                        Figures.fixed(peak.arenas() / 1e6, 0),
                        Figures.fixed(peak.mapped() / 1e6, 0));
    }
}
