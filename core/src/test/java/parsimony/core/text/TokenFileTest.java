package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.ModelFormatException;

class TokenFileTest {
    private static final int BEGIN = 0;
    private static final int END = 1;

    @TempDir
    private Path folder;

    private Path file;
    private Corpus corpus;

    /** Each byte is a token, after the two special ones. */
    private static class Bytes implements Tokenizer {
        @Override
        public int[] encode(String text, boolean beginOfSequence) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            return IntStream.range(0, bytes.length)
                    .map(i -> 2 + (bytes[i] & 0xFF))
                    .toArray();
        }

        @Override
        public byte[] bytesOf(int id) {
            return id < 2 ? new byte[0] : new byte[] {(byte) (id - 2)};
        }

        @Override
        public int beginOfSequence() {
            return BEGIN;
        }

        @Override
        public int endOfSequence() {
            return END;
        }

        @Override
        public int size() {
            return 258;
        }
    }

    @BeforeEach
    void build() throws IOException {
        Random random = new Random(5);
        List<Corpus.Document> documents = new ArrayList<>();
        for (int i = 0; i < 23; i++) {
            StringBuilder text = new StringBuilder();
            for (int length = random.nextInt(70); length > 0; length--) {
                text.append((char) ('a' + random.nextInt(26)));
            }
            documents.add(new Corpus.Document("D" + i, text.toString()));
        }
        corpus = Corpus.of(documents);
        file = folder.resolve("tokens");
        TokenFile.build(corpus, new Bytes(), file, 7);
    }

    @Test
    void keepsEveryDocumentWholeInAnOrderOfTheSeed() throws IOException {
        Path again = folder.resolve("again");
        TokenFile.build(corpus, new Bytes(), again, 7);
        Path other = folder.resolve("other");
        TokenFile.build(corpus, new Bytes(), other, 8);

        try (TokenFile tokens = TokenFile.open(file)) {
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < tokens.documents(); i++) {
                int[] ids = tokens.document(i);
                assertThat(ids).endsWith(END);
                texts.add(new Bytes().decode(ids));
            }
            List<String> original =
                    corpus.documents().stream().map(Corpus.Document::text).toList();
            assertThat(texts).containsExactlyInAnyOrderElementsOf(original).isNotEqualTo(original);
            assertThat(tokens.tokens()).isEqualTo(corpus.bytes() + tokens.documents());
            assertThat(tokens.vocabularySize()).isEqualTo(258);
            assertThat(tokens.corpusSha256()).isEqualTo(corpus.sha256());
        }
        assertThat(again).hasSameBinaryContentAs(file);
        assertThat(Files.mismatch(file, other)).isNotNegative();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 16, 64, 1000})
    void makesEveryTokenATargetOncePerPass(int context) throws IOException {
        try (TokenFile tokens = TokenFile.open(file)) {
            int[] expected = IntStream.range(0, tokens.documents())
                    .flatMap(i -> Arrays.stream(tokens.document(i)))
                    .sorted()
                    .toArray();
            for (int pass = 0; pass < 2; pass++) {
                List<int[]> rows = rows(tokens, context, pass);
                assertThat(rows.stream()
                                .flatMapToInt(Arrays::stream)
                                .filter(target -> target >= 0)
                                .sorted()
                                .toArray())
                        .isEqualTo(expected);
                assertThat(rows.stream()
                                .filter(row -> Arrays.stream(row).anyMatch(target -> target < 0))
                                .count())
                        .isLessThanOrEqualTo(1);
            }
        }
    }

    @Test
    void givesRunsOfDocumentsEachBehindABeginningToken() throws IOException {
        try (TokenFile tokens = TokenFile.open(file)) {
            List<String> texts = IntStream.range(0, tokens.documents())
                    .mapToObj(i -> new Bytes().decode(tokens.document(i)) + "$")
                    .toList();
            int context = 16;
            int[] inputs = new int[context];
            int[] targets = new int[context];
            for (long sequence = 0; sequence < tokens.sequences(context); sequence++) {
                tokens.read(sequence, context, inputs, targets);
                assertThat(inputs[0]).isEqualTo(BEGIN);
                StringBuilder run = new StringBuilder();
                for (int i = 0; i < context && targets[i] >= 0; i++) {
                    if (i > 0 && inputs[i] == BEGIN) {
                        assertThat(targets[i - 1])
                                .as("what stands before a beginning token")
                                .isEqualTo(END);
                        assertThat(texts).anyMatch(text -> text.endsWith(run.toString()));
                        run.setLength(0);
                    } else if (i > 0) {
                        assertThat(inputs[i]).isEqualTo(targets[i - 1]);
                    }
                    run.append(targets[i] == END ? "$" : (char) (targets[i] - 2));
                }
                assertThat(texts).anyMatch(text -> text.contains(run));
            }
        }
    }

    @Test
    void ordersEachPassAnewButAlwaysTheSame() throws IOException {
        try (TokenFile tokens = TokenFile.open(file);
                TokenFile reopened = TokenFile.open(file)) {
            assertThat(rows(tokens, 8, 0)).usingRecursiveComparison().isEqualTo(rows(reopened, 8, 0));
            assertThat(rows(tokens, 8, 0)).usingRecursiveComparison().isNotEqualTo(rows(tokens, 8, 1));
        }
    }

    @ParameterizedTest
    @CsvSource({"1,3", "2,3", "5,0", "64,-1", "1000,9", "1025,9"})
    void permutesWithoutLoss(long count, long key) {
        assertThat(LongStream.range(0, count).map(i -> TokenFile.permute(i, count, key)))
                .doesNotHaveDuplicates()
                .allMatch(value -> value >= 0 && value < count);
    }

    @Test
    void refusesWhatIsNoTokenFile() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        Path damaged = folder.resolve("damaged");
        Files.write(damaged, Arrays.copyOf(whole, whole.length - 8));
        assertRefused(damaged, "not as long as");
        Files.write(damaged, new byte[0]);
        assertRefused(damaged, "not a file of tokens");
        for (int offset : new int[] {0, 8, 12, 16, 24, 73, whole.length - 1}) {
            byte[] changed = whole.clone();
            changed[offset + (offset == 8 || offset == 12 || offset == 16 || offset == 24 ? 3 : 0)] = (byte) 0xFF;
            Files.write(damaged, changed);
            assertRefused(damaged, "byte ");
        }
    }

    private static void assertRefused(Path file, String reason) {
        assertThatThrownBy(() -> TokenFile.open(file).close())
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("damaged")
                .hasMessageContaining(reason);
    }

    @Test
    void survivesAnyChangedByte() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        Random random = new Random(1);
        Path damaged = folder.resolve("damaged");
        int[] row = new int[16];
        for (int i = 0; i < 300; i++) {
            byte[] changed = whole.clone();
            int offset = i % 2 == 0 ? random.nextInt(72) : random.nextInt(whole.length);
            changed[offset] = (byte) random.nextInt(256);
            Files.write(damaged, changed);
            try (TokenFile tokens = TokenFile.open(damaged)) {
                for (long sequence = 0; sequence < tokens.sequences(16); sequence++) {
                    tokens.read(sequence, 16, row, row.clone());
                }
            } catch (ModelFormatException e) {
                assertThat(e).hasMessageContaining("damaged");
            }
        }
    }

    @Test
    void leavesNothingBehindWhenBuildingFails() throws IOException {
        Path target = folder.resolve("new");
        Tokenizer failing = new Bytes() {
            @Override
            public int[] encode(String text, boolean beginOfSequence) {
                throw new IllegalStateException("no");
            }
        };

        assertThatThrownBy(() -> TokenFile.build(corpus, failing, target, 1)).isInstanceOf(IllegalStateException.class);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void refusesRowsThatDoNotFit() throws IOException {
        try (TokenFile tokens = TokenFile.open(file)) {
            assertThatThrownBy(() -> tokens.read(0, 8, new int[7], new int[8]))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> tokens.read(-1, 8, new int[8], new int[8]))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> tokens.sequences(0)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** The targets of all sequences of a pass. */
    private static List<int[]> rows(TokenFile tokens, int context, int pass) {
        long count = tokens.sequences(context);
        List<int[]> rows = new ArrayList<>();
        for (long sequence = pass * count; sequence < (pass + 1) * count; sequence++) {
            int[] targets = new int[context];
            tokens.read(sequence, context, new int[context], targets);
            rows.add(targets);
        }
        return rows;
    }
}
