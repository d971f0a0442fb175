package parsimony.benchmarks.result;

import java.util.Locale;

/** How numbers are written, in the terminal and on the page alike. What is no number is a dash. */
public final class Figures {
    public static final String NONE = "—";

    private Figures() {}

    public static String fixed(double value, int decimals) {
        if (!Double.isFinite(value)) {
            return NONE;
        }
        String text = String.format(Locale.ROOT, "%,." + decimals + "f", Math.abs(value));
        boolean negative = value < 0 && !text.matches("[0.]+");
        return negative ? "−" + text : text;
    }

    /** With a sign, unless it rounds to zero. */
    public static String signed(double value, int decimals) {
        String text = fixed(value, decimals);
        return Double.isFinite(value) && value > 0 && !text.matches("[0.]+") ? "+" + text : text;
    }

    /** 0.0062 becomes {@code +0.6 %}. */
    public static String change(double fraction) {
        return Double.isFinite(fraction) ? signed(100 * fraction, Math.abs(fraction) < 1 ? 1 : 0) + " %" : NONE;
    }

    /** 0.981 becomes {@code 98.1 %}. */
    public static String percent(double fraction, int decimals) {
        return Double.isFinite(fraction) ? fixed(100 * fraction, decimals) + " %" : NONE;
    }

    public static String times(double ratio) {
        return Double.isFinite(ratio) ? fixed(ratio, ratio < 10 ? 2 : 1) + "×" : NONE;
    }

    /** In MB of a million bytes, or in GB from a thousand of them on. */
    public static String bytes(long bytes) {
        if (bytes >= 999_950_000) {
            return fixed(bytes / 1e9, 2) + " GB";
        }
        return fixed(bytes / 1e6, bytes < 950_000 ? 3 : 1) + " MB";
    }

    public static String seconds(double seconds) {
        return Double.isFinite(seconds) ? fixed(seconds, seconds < 10 ? 1 : 0) + " s" : NONE;
    }

    /** 5,702,400 becomes {@code 5.7 million}. */
    public static String count(long count) {
        if (count >= 999_500_000) {
            return fixed(count / 1e9, 2) + " billion";
        }
        return count >= 999_500 ? fixed(count / 1e6, count < 9.95e6 ? 2 : 1) + " million" : fixed((double) count, 0);
    }
}
