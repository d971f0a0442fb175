package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BpeTrainerTest {
    @Test
    void joinsTheMostFrequentPairFirst() {
        // The words: aab 3 times, ab once, cab twice. a+b occurs 6 times, then a+ab 3 times, then c+ab twice.
        BpeTrainer.Vocabulary vocabulary = train(258 + 3, "aab", "aab", "aab", "ab", "cab", "cab");

        assertThat(vocabulary.merges()).containsExactly("a b", "a ab", "c ab");
        assertThat(vocabulary.tokens().subList(258, 261)).containsExactly("ab", "aab", "cab");
    }

    @Test
    void givesTiesToTheLowerIds() {
        assertThat(train(258 + 2, "zy", "ba").merges()).containsExactly("b a", "z y");
        assertThat(train(258 + 2, "ac", "ab").merges()).containsExactly("a b", "a c");
    }

    @Test
    void numbersSpecialTokensThenBytesThenJoinedSymbols() {
        List<String> tokens = train(259, "ab").tokens();

        assertThat(tokens.subList(0, 2)).containsExactly(BpeTrainer.BEGIN, BpeTrainer.END);
        assertThat(tokens.get(2 + ' ')).isEqualTo("Ġ");
        assertThat(tokens.get(2 + '\n')).isEqualTo("Ċ");
        assertThat(tokens.get(2 + 'a')).isEqualTo("a");
        assertThat(tokens).doesNotHaveDuplicates().hasSize(259);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void agreesWithCountingAnewAtEveryStep(long seed) {
        Random random = new Random(seed);
        List<String> words = new ArrayList<>();
        for (int i = 0; i < 150; i++) {
            StringBuilder word = new StringBuilder();
            for (int length = 1 + random.nextInt(9); length > 0; length--) {
                word.append((char) ('a' + random.nextInt(3)));
            }
            words.add(word.toString());
        }

        assertThat(train(258 + 60, words.toArray(new String[0])).merges()).isEqualTo(naiveMerges(words, 60));
    }

    /** The definition: count all pairs, join the best one everywhere, begin again. */
    private static List<String> naiveMerges(List<String> words, int count) {
        List<String> symbols = new ArrayList<>(List.of("a", "b", "c"));
        List<List<String>> split = new ArrayList<>();
        for (String word : words) {
            split.add(new ArrayList<>(List.of(word.split(""))));
        }
        List<String> merges = new ArrayList<>();
        while (merges.size() < count) {
            Map<Integer, Integer> counts = new TreeMap<>();
            for (List<String> word : split) {
                for (int i = 1; i < word.size(); i++) {
                    int pair = symbols.indexOf(word.get(i - 1)) * 1000 + symbols.indexOf(word.get(i));
                    counts.merge(pair, 1, Integer::sum);
                }
            }
            int best = counts.entrySet().stream()
                    .max(Map.Entry.<Integer, Integer>comparingByValue()
                            .thenComparing(
                                    Map.Entry.<Integer, Integer>comparingByKey().reversed()))
                    .orElseThrow()
                    .getKey();
            String left = symbols.get(best / 1000);
            String right = symbols.get(best % 1000);
            merges.add(left + " " + right);
            symbols.add(left + right);
            for (List<String> word : split) {
                for (int i = 1; i < word.size(); i++) {
                    if (word.get(i - 1).equals(left) && word.get(i).equals(right)) {
                        word.set(i - 1, left + right);
                        word.remove(i);
                    }
                }
            }
        }
        return merges;
    }

    @Test
    void refusesSizesThatCannotBe() {
        assertThatThrownBy(() -> train(100, "ab"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least 258");
        assertThatThrownBy(() -> train(260, "ab"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("too short");
    }

    @Test
    void writesATokenizerThatTheLibraryReads(@TempDir Path folder) throws IOException {
        String text = "return this.size() + other.size(); // the size\n\treturn size;\n";
        train(275, text, text, text).write(folder);

        try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.open(folder.resolve("tokenizer.json"))) {
            assertThat(tokenizer.size()).isEqualTo(275);
            assertThat(tokenizer.beginOfSequence()).isZero();
            assertThat(tokenizer.endOfSequence()).isEqualTo(1);
            assertThat(tokenizer.encode(text, false)).hasSizeLessThan(text.length());
            assertThat(tokenizer.decode(tokenizer.encode(text, true))).isEqualTo(text);
        }
        try (var files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("tokenizer.json", "tokenizer_config.json");
        }
    }

    private static BpeTrainer.Vocabulary train(int size, String... texts) {
        BpeTrainer trainer = new BpeTrainer();
        for (String text : texts) {
            trainer.add(text);
        }
        return trainer.train(size);
    }
}
