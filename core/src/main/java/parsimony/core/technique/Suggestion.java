package parsimony.core.technique;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/** What a mistyped word was probably meant to be. */
final class Suggestion {
    private Suggestion() {}

    /** {@code " (did you mean 'x'?)"}, or nothing if no word is near. */
    static String of(String word, List<String> known) {
        return known.stream()
                .min(Comparator.comparingInt(candidate -> distance(word, candidate)))
                .filter(nearest -> distance(word, nearest) <= Math.max(1, nearest.length() / 2 - 1))
                .map(nearest -> " (did you mean '" + nearest + "'?)")
                .orElse("");
    }

    /** Letters to insert, remove or replace (Levenshtein, 1966), whatever their case. */
    private static int distance(String a, String b) {
        String from = a.toLowerCase(Locale.ROOT);
        String to = b.toLowerCase(Locale.ROOT);
        int[] row = new int[to.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int replaced = diagonal + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[to.length()];
    }
}
