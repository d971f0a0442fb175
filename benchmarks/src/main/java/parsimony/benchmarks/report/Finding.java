package parsimony.benchmarks.report;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import parsimony.benchmarks.compare.Comparison;
import parsimony.benchmarks.compare.Measurement;

/**
 * What a comparison says, in words made of its numbers alone: the smallest model that stays within one percent of the
 * dense model's bits per byte, or that none does.
 *
 * @param headline a few words
 * @param before the sentence up to the technique that it names; the whole of it if it names none
 * @param technique empty if it names none
 * @param after what follows
 */
record Finding(String headline, String before, String technique, String after) {
    private static final double TOLERANCE = 0.01;
    private static final String WITHIN = Figures.percent(TOLERANCE, 0);

    static Finding of(Comparison comparison) {
        Measurement dense = comparison.baseline();
        String denseQuality = Figures.fixed(dense.quality().bitsPerByte(), 3) + " bits per byte";
        List<Measurement> smaller = comparison.rows().stream()
                .filter(row -> row.diskBytes() < dense.diskBytes())
                .toList();
        if (smaller.isEmpty()) {
            return new Finding(
                    "The dense model: " + denseQuality,
                    "The dense model needs %s of %s and %s on disk; nothing smaller was measured."
                            .formatted(denseQuality, comparison.text().name(), Figures.bytes(dense.diskBytes())),
                    "",
                    "");
        }
        Optional<Measurement> smallest = smaller.stream()
                .filter(row -> row.quality().relativeChange() <= TOLERANCE)
                .min(Comparator.comparingLong(Measurement::diskBytes)
                        .thenComparingDouble(row -> row.quality().bitsPerByte()));
        if (smallest.isPresent()) {
            Measurement row = smallest.get();
            long within = smaller.stream()
                    .filter(other -> other.quality().relativeChange() <= TOLERANCE)
                    .count();
            return new Finding(
                    timesSmaller(row, dense) + ", " + cost(row),
                    "%s within %s of the dense one's %s is "
                            .formatted(
                                    within == 1 ? "The only smaller model" : "The smallest of " + within + " models",
                                    WITHIN,
                                    denseQuality),
                    row.technique(),
                    ": %s instead of %s on disk, %s, decoding at %s the dense speed."
                            .formatted(
                                    Figures.bytes(row.diskBytes()),
                                    Figures.bytes(dense.diskBytes()),
                                    cost(row),
                                    Figures.times(row.decodeRatio())));
        }
        // Double.compare puts what is no number last.
        Measurement closest = smaller.stream()
                .min(Comparator.comparingDouble(row -> row.quality().relativeChange()))
                .orElseThrow();
        return new Finding(
                "None stays within " + WITHIN + " of the dense model",
                "No smaller model stays within %s of the dense one's %s; the closest, ".formatted(WITHIN, denseQuality),
                closest.technique(),
                ", is %s on disk and needs %s.".formatted(timesSmaller(closest, dense), cost(closest)));
    }

    /** The whole of it. */
    String sentence() {
        return before + technique + after;
    }

    private static String timesSmaller(Measurement row, Measurement dense) {
        return Figures.fixed((double) dense.diskBytes() / row.diskBytes(), 1) + " times smaller";
    }

    private static String cost(Measurement row) {
        double change = row.quality().relativeChange();
        String percent = Figures.percent(Math.abs(change), 1);
        if (percent.equals(Figures.percent(0, 1))) {
            return "the same bits per byte";
        }
        return percent + (change < 0 ? " fewer" : " more") + " bits per byte";
    }
}
