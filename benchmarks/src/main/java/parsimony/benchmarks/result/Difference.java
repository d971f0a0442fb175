package parsimony.benchmarks.result;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Row;

/** What a result has become since another run of the same suite, row by row, and whether that is more than noise. */
public final class Difference {
    /** Two numbers that differ by less are the same: sums may have been taken in another order. */
    private static final double ROUNDING = 1e-9;

    private final Result now;
    private final Map<String, Row> before = new LinkedHashMap<>();

    /** What has become of a number. */
    public enum Verdict {
        /** The same, or different by no more than another run may be. */
        SAME,
        BETTER,
        WORSE
    }

    /** @throws IllegalArgumentException if they are of two suites */
    public Difference(Result now, Result before) {
        if (!now.suite().equals(before.suite())) {
            throw new IllegalArgumentException(
                    "results of " + now.suite() + " cannot be compared with those of " + before.suite());
        }
        this.now = now;
        before.rows().forEach(row -> this.before.putIfAbsent(identity(row), row));
    }

    /** Rows with one name, those along a line, differ in the number to the right; those of benchmarks in words. */
    private String identity(Row row) {
        StringBuilder identity = new StringBuilder(row.series()).append('\n').append(row.name());
        now.columns().stream()
                .filter(column -> column.unit() == Unit.TEXT)
                .forEach(column -> identity.append('\n').append(row.text(column)));
        now.charts().stream()
                .filter(chart -> chart.kind() == Kind.LINES)
                .map(Chart::x)
                .distinct()
                .forEach(key -> identity.append('\n').append(row.value(key)));
        return identity.toString();
    }

    /** The row as it was. */
    public Optional<Row> before(Row row) {
        return Optional.ofNullable(before.get(identity(row)));
    }

    /** What has become of a row's number; empty where there is none to compare. */
    public Optional<Verdict> verdict(Row row, Column column) {
        if (column.unit() == Unit.TEXT) {
            return Optional.empty();
        }
        double value = row.value(column.key());
        double was = before(row).map(old -> old.value(column.key())).orElse(Double.NaN);
        if (Double.isNaN(value) || Double.isNaN(was)) {
            return Optional.empty();
        }
        double change = value - was;
        if (Math.abs(change) <= noise(row, before(row).orElseThrow(), column) + ROUNDING * Math.abs(value)) {
            return Optional.of(Verdict.SAME);
        }
        return Optional.of(change > 0 == column.moreIsBetter() ? Verdict.BETTER : Verdict.WORSE);
    }

    /** How far two runs may be apart: what each row says of itself, independent of the other, or what is said of the column. */
    private static double noise(Row row, Row old, Column column) {
        Double here = row.noise().get(column.key());
        Double there = old.noise().get(column.key());
        if (here == null || there == null) {
            return column.noise() * Math.max(Math.abs(row.value(column.key())), Math.abs(old.value(column.key())));
        }
        return Math.hypot(here, there);
    }

    /** How many numbers there are of a verdict. */
    public long count(Verdict verdict) {
        return now.rows().stream()
                .flatMap(row -> now.columns().stream().map(column -> verdict(row, column)))
                .filter(found -> found.equals(Optional.of(verdict)))
                .count();
    }

    /** Rows that were not measured before. */
    public List<Row> added() {
        return now.rows().stream().filter(row -> before(row).isEmpty()).toList();
    }

    /** Rows that were measured before and are not any more. */
    public List<Row> gone() {
        List<String> here = now.rows().stream().map(this::identity).toList();
        return before.entrySet().stream()
                .filter(entry -> !here.contains(entry.getKey()))
                .map(Map.Entry::getValue)
                .toList();
    }

    /** In words: how many numbers are the same, better or worse. */
    public String summary() {
        long same = count(Verdict.SAME);
        long better = count(Verdict.BETTER);
        long worse = count(Verdict.WORSE);
        return "Numbers that were measured before too: %s, of which %s better and %s worse by more than noise.%s"
                .formatted(
                        Figures.count(same + better + worse),
                        better == 0 ? "none" : Figures.count(better),
                        worse == 0 ? "none" : Figures.count(worse),
                        added().isEmpty() ? "" : " Rows that are new: " + added().size() + ".");
    }
}
