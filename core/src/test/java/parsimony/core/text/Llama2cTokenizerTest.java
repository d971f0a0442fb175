package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class Llama2cTokenizerTest {
    /** Pieces and their scores, from token 259 on. */
    private static final Object[][] PIECES = {
        {"ab", 0f},
        {"bc", -1f},
        {"abc", -5f},
        {" a", -2f},
        {"  ", -3f},
        {" ab", -4f},
        {"é", -1f},
        {" ", -90f},
        {"a", -91f},
        {"b", -92f},
        {"c", -93f},
        {"ba", -1f}
    };

    private static final int FIRST = 259;

    @TempDir
    private Path folder;

    private Path file;
    private Llama2cTokenizer tokenizer;

    @BeforeEach
    void write() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(int32(8));
        token(out, "<unk>", 0);
        token(out, "\n<s>\n", 0);
        token(out, "\n</s>\n", 0);
        for (int b = 0; b < 256; b++) {
            token(out, String.format("<0x%02X>", b), 0);
        }
        for (Object[] piece : PIECES) {
            token(out, (String) piece[0], (float) piece[1]);
        }
        file = folder.resolve("tokenizer.bin");
        Files.write(file, out.toByteArray());
        tokenizer = Llama2cTokenizer.open(file);
    }

    @Test
    void joinsTheBestScoredPieceFirstAndTheFirstOfEquals() {
        // " abc": ab (0) before bc; then " "+ab (-4) before ab+c (-5).
        assertThat(pieces("abc")).containsExactly(" ab", "c");
        // " bcab": ab (0), then bc (-1); nothing holds both.
        assertThat(pieces("bcab")).containsExactly(" ", "bc", "ab");
        // " cbaba" has ab before either ba.
        assertThat(pieces("cbaba")).containsExactly(" ", "c", "b", "ab", "a");
    }

    @Test
    void putsABeginningTokenAndASpaceBefore() {
        assertThat(tokenizer.encode("", true)).containsExactly(1);
        assertThat(tokenizer.encode("", false)).isEmpty();
        assertThat(tokenizer.encode("c", true)).containsExactly(1, FIRST + 7, FIRST + 10);
        assertThat(pieces(" c")).containsExactly("  ", "c");
        assertThat(tokenizer.decode(tokenizer.encode(" c", true))).isEqualTo(" c");
    }

    @Test
    void spellsUnknownCharactersInBytes() {
        assertThat(tokenizer.encode("€é", false)).containsExactly(FIRST + 7, 3 + 0xE2, 3 + 0x82, 3 + 0xAC, FIRST + 6);
        assertThat(tokenizer.encode("<s>", false)).containsExactly(FIRST + 7, 3 + '<', 3 + 's', 3 + '>');
        assertThat(tokenizer.decode(tokenizer.encode("a€ 🙂\n", true))).isEqualTo("a€ 🙂\n");
        assertThat(tokenizer.bytesOf(3 + 0xE2)).containsExactly(0xE2);
        assertThat(tokenizer.bytesOf(1)).isEmpty();
    }

    @Test
    void agreesWithSearchingAllPairsAtEveryStep() {
        Random random = new Random(4);
        for (int i = 0; i < 300; i++) {
            StringBuilder text = new StringBuilder();
            for (int length = 1 + random.nextInt(20); length > 0; length--) {
                text.append("abcé x".charAt(random.nextInt(6)));
            }
            assertThat(tokenizer.encode(text.toString(), false)).isEqualTo(naive(text.toString()));
        }
    }

    /** The definition: look at all neighbours, join the best-scored, begin again. */
    private static int[] naive(String text) {
        List<String> pieces =
                Arrays.stream(PIECES).map(piece -> (String) piece[0]).toList();
        List<String> symbols = new ArrayList<>(List.of((" " + text).split("")));
        while (true) {
            int best = -1;
            float bestScore = Float.NEGATIVE_INFINITY;
            for (int i = 1; i < symbols.size(); i++) {
                int joined = pieces.indexOf(symbols.get(i - 1) + symbols.get(i));
                if (joined >= 0 && (float) PIECES[joined][1] > bestScore) {
                    best = i;
                    bestScore = (float) PIECES[joined][1];
                }
            }
            if (best < 0) {
                break;
            }
            symbols.set(best - 1, symbols.get(best - 1) + symbols.remove(best));
        }
        return symbols.stream()
                .mapToInt(symbol -> symbol.equals("x") ? 3 + 'x' : FIRST + pieces.indexOf(symbol))
                .toArray();
    }

    @Test
    void saysWhatIsWrongWithAFile() throws IOException {
        byte[] whole = Files.readAllBytes(file);
        assertRefused(new byte[2], "too short");
        assertRefused(Arrays.copyOf(whole, whole.length - 1), "malformed token 270");
        assertRefused(Arrays.copyOf(whole, whole.length + 5), "ends within token 271");
        assertRefused(Arrays.copyOf(whole, 4 + 13), "only 1 tokens");
        byte[] changed = whole.clone();
        changed[11] = 0x7F;
        assertRefused(changed, "malformed token 0");
        changed = whole.clone();
        changed[3] = (byte) 0x80;
        assertRefused(changed, "longest piece");
    }

    private void assertRefused(byte[] content, String reason) throws IOException {
        Path broken = Files.write(folder.resolve("broken.bin"), content);
        assertThatThrownBy(() -> Llama2cTokenizer.open(broken))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("broken.bin")
                .hasMessageContaining(reason);
    }

    /** Needs llama2.c's tok512.bin in the folder {@code models} of {@code -Dparsimony.shared}. */
    @Test
    void encodesAsLlama2c() throws IOException {
        String shared = System.getProperty("parsimony.shared");
        assumeThat(shared).as("-Dparsimony.shared").isNotNull();
        Tokenizer tok512 = Llama2cTokenizer.open(Path.of(shared, "models", "tok512.bin"));

        JsonNode expected;
        try (InputStream in = getClass().getResourceAsStream("llama2c-encodings.json")) {
            expected = new JsonMapper().readTree(in).path("encodings");
        }
        assertThat(tok512.size()).isEqualTo(512);
        assertThat(expected).isNotEmpty();
        for (JsonNode encoding : expected) {
            String text = encoding.path("text").asString();
            int[] ids =
                    encoding.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
            assertThat(tok512.encode(text, true)).as(text).isEqualTo(ids);
            assertThat(tok512.decode(ids)).isEqualTo(text);
        }
    }

    private List<String> pieces(String text) {
        return Arrays.stream(tokenizer.encode(text, false))
                .mapToObj(id -> new String(tokenizer.bytesOf(id), StandardCharsets.UTF_8))
                .toList();
    }

    private static void token(ByteArrayOutputStream out, String piece, float score) throws IOException {
        byte[] bytes = piece.getBytes(StandardCharsets.UTF_8);
        out.write(int32(Float.floatToIntBits(score)));
        out.write(int32(bytes.length));
        out.write(bytes);
    }

    private static byte[] int32(int value) {
        return ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array();
    }
}
