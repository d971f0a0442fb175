package parsimony.benchmarks.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import parsimony.core.io.LanguageModel;
import parsimony.core.text.Corpus;
import parsimony.core.text.Tokenizer;

class CalibrationTest {
    private static Tokenizer tokenizer;

    private final Corpus corpus = Corpus.of(List.of(
            new Corpus.Document("short", "int a;"),
            new Corpus.Document("long", "int a = 1; // first\nString b = \"two\";\nchar c = '3';\nlong d = 4L;\n"),
            new Corpus.Document("longer", "class A { void b() { c(); } }\n".repeat(20))));

    @BeforeAll
    static void open() throws IOException {
        tokenizer = LanguageModel.embeddedTokenizer();
    }

    @Test
    void windowsAreRunsOfTokensOfLongDocuments() {
        List<int[]> windows = Calibration.windows(corpus, tokenizer, 200, 12, 1);
        assertThat(windows).hasSize(200);
        List<int[]> documents = corpus.documents().stream()
                .map(document -> tokenizer.encode(document.text(), true))
                .toList();
        int[] found = new int[3];
        for (int[] window : windows) {
            assertThat(window).hasSize(12);
            for (int document = 0; document < 3; document++) {
                found[document] += holds(documents.get(document), window) ? 1 : 0;
            }
        }
        assertThat(found[0]).isZero();
        assertThat(found[1]).isPositive().isLessThan(found[2]);
        assertThat(found[1] + found[2]).isEqualTo(200);
    }

    @Test
    void aSeedGivesTheSameWindows() {
        assertThat(drawn(1)).isEqualTo(drawn(1)).isNotEqualTo(drawn(2));
    }

    private List<String> drawn(long seed) {
        return Calibration.windows(corpus, tokenizer, 5, 12, seed).stream()
                .map(Arrays::toString)
                .toList();
    }

    @Test
    void shortDocumentsAreTakenWholeIfThereAreNoOthers() {
        assertThat(Calibration.windows(corpus, tokenizer, 2, 100_000, 1))
                .containsExactly(
                        tokenizer.encode("int a;", true),
                        tokenizer.encode(corpus.documents().get(1).text(), true));
    }

    private static boolean holds(int[] document, int[] window) {
        for (int i = 0; i + window.length <= document.length; i++) {
            if (Arrays.equals(document, i, i + window.length, window, 0, window.length)) {
                return true;
            }
        }
        return false;
    }
}
