package parsimony.benchmarks.report;

import java.util.Locale;
import parsimony.benchmarks.suite.SuiteResult.Unit;

/** How the numbers of a suite are written. */
final class SuiteFigures {
    private SuiteFigures() {}

    static String text(Unit unit, double value) {
        if (!Double.isFinite(value)) {
            return Figures.NONE;
        }
        return switch (unit) {
            case COUNT -> Figures.count(Math.round(value));
            case BYTES ->
                value > 0 && value < 950_000
                        ? Figures.fixed(value / 1e3, value < 9_950 ? 1 : 0) + " kB"
                        : Figures.bytes(Math.round(value));
            case TIMES -> Figures.times(value);
            case SHARE -> Figures.percent(value, Math.abs(value) < 0.1 ? 2 : 1);
            case FINE -> Figures.fixed(value, 3);
            case SECONDS ->
                value < 1 ? Figures.fixed(1e3 * value, value < 0.01 ? 2 : 0) + " ms" : Figures.seconds(value);
            case SCIENTIFIC -> String.format(Locale.ROOT, "%.1e", value);
        };
    }
}
