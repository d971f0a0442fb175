package parsimony.benchmarks.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import parsimony.core.text.Corpus;
import parsimony.core.text.Tokenizer;

/** What techniques see of a text. */
public final class Calibration {
    private Calibration() {}

    /**
     * Random windows of documents, as GPTQ and those after it draw them: beginnings alone would be imports and comments. A document comes up
     * as often as it has places to begin at, and begins with the token that begins a text. Where no document is long enough, whole ones.
     *
     * @param count windows
     * @param length tokens of each
     * @param seed of the places
     */
    public static List<int[]> windows(Corpus corpus, Tokenizer tokenizer, int count, int length, long seed) {
        List<int[]> documents = corpus.documents().stream()
                .map(document -> tokenizer.encode(document.text(), true))
                .filter(tokens -> tokens.length > 0)
                .toList();
        List<int[]> longEnough =
                documents.stream().filter(tokens -> tokens.length >= length).toList();
        if (longEnough.isEmpty()) {
            return documents.subList(0, Math.min(count, documents.size()));
        }
        long places = longEnough.stream()
                .mapToLong(tokens -> tokens.length - length + 1L)
                .sum();
        SplittableRandom random = new SplittableRandom(seed);
        List<int[]> windows = new ArrayList<>();
        while (windows.size() < count) {
            long place = random.nextLong(places);
            int document = 0;
            while (place > longEnough.get(document).length - length) {
                place -= longEnough.get(document++).length - length + 1L;
            }
            windows.add(Arrays.copyOfRange(longEnough.get(document), (int) place, (int) place + length));
        }
        return windows;
    }
}
