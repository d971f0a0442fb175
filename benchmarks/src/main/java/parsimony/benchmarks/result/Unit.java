package parsimony.benchmarks.result;

import java.util.Locale;

/** How the numbers of a column are written, and how exactly they can be measured twice. */
public enum Unit {
    /** Words instead of numbers. */
    TEXT(0, 0),
    /** A whole number of things. */
    COUNT(9, 0),
    /** Bytes. */
    BYTES(8, 0),
    /** A multiple of something, most often of a speed. */
    TIMES(7, 0.1),
    /** A share of one. */
    SHARE(8, 0),
    /** A share of one by which something changes, with its sign. */
    CHANGE(8, 0),
    /** Two decimals. */
    COARSE(7, 0),
    /** Three decimals. */
    FINE(9, 0),
    /** Four decimals. */
    FINER(8, 0),
    /** Four decimals and a sign. */
    SIGNED(8, 0),
    /** Seconds. */
    SECONDS(9, 0.1),
    /** So many a second, three digits. */
    RATE(9, 0.1),
    /** Powers of ten. */
    SCIENTIFIC(9, 0);

    /** Characters of a column of numbers in the terminal. */
    public final int width;

    /** By what part of themselves numbers may differ without meaning anything, where a row does not say it. */
    final double noise;

    Unit(int width, double noise) {
        this.width = width;
        this.noise = noise;
    }

    /** A number for people; a dash for what is none. */
    public String text(double value) {
        if (!Double.isFinite(value)) {
            return Figures.NONE;
        }
        return switch (this) {
            case TEXT -> throw new IllegalStateException("a column of words has no numbers");
            case COUNT -> Figures.count(Math.round(value));
            case BYTES ->
                value > 0 && value < 950_000
                        ? Figures.fixed(value / 1e3, value < 9_950 ? 1 : 0) + " kB"
                        : Figures.bytes(Math.round(value));
            case TIMES -> Figures.times(value);
            case SHARE -> Figures.percent(value, Math.abs(value) < 0.1 ? 2 : 1);
            case CHANGE -> Figures.change(value);
            case COARSE -> Figures.fixed(value, Math.abs(value) < 1000 ? 2 : 0);
            case FINE -> Figures.fixed(value, 3);
            case FINER -> Figures.fixed(value, 4);
            case SIGNED -> Figures.signed(value, 4);
            case SECONDS -> seconds(value);
            case RATE -> Figures.fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0);
            case SCIENTIFIC -> String.format(Locale.ROOT, "%.1e", value);
        };
    }

    private static String seconds(double value) {
        if (value < 1e-3) {
            return Figures.fixed(1e6 * value, value < 1e-5 ? 2 : 0) + " µs";
        }
        return value < 1 ? Figures.fixed(1e3 * value, value < 0.01 ? 2 : 0) + " ms" : Figures.seconds(value);
    }
}
