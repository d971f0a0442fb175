package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.ModelFormatException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class GgufTokenizerTest {
    private static final Path FILE = Path.of("model.gguf");

    /** The library's word rules, as tokenizer.json files of these models have them. */
    private static final String LLAMA3_SPLIT = split(
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+"
                    + "|\\\\p{N}{1,3}| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+");

    private static final String QWEN2_SPLIT = LLAMA3_SPLIT.replace("{1,3}", "");
    private static final String DIGITS = "{\"type\":\"Digits\",\"individual_digits\":true}";

    private static String split(String expression) {
        return "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" + expression
                + "\"},\"behavior\":\"Isolated\",\"invert\":false}";
    }

    private static String byteLevel(boolean rule) {
        return "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":" + rule + "}";
    }

    @ParameterizedTest
    @CsvSource({"gpt-2", "llama-bpe", "qwen2", "smollm"})
    void encodesAsTheLibraryDoes(String rule) throws IOException {
        String preTokenizers = switch (rule) {
            case "llama-bpe" -> LLAMA3_SPLIT + "," + byteLevel(false);
            case "qwen2" -> QWEN2_SPLIT + "," + byteLevel(false);
            case "smollm" -> DIGITS + "," + byteLevel(true);
            default -> byteLevel(true);
        };
        String json = HuggingFaceTokenizerTest.resourceText("tokenizer.json")
                .replace(
                        "\"pre_tokenizer\":" + byteLevel(true),
                        "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[" + preTokenizers + "]}")
                .replace("\"ignore_merges\":false", "")
                .replace(
                        "\"byte_fallback\":false",
                        "\"byte_fallback\":false,\"ignore_merges\":" + rule.equals("llama-bpe"));
        assertThat(json).contains("pretokenizers");
        GgufTokenizer own = embedded(rule);

        try (HuggingFaceTokenizer library =
                HuggingFaceTokenizer.of(Path.of("tokenizer.json"), json.getBytes(StandardCharsets.UTF_8), null)) {
            Random random = new Random(6);
            for (int i = 0; i < 2000; i++) {
                String text = randomText(random);
                int[] ids = own.encode(text, true);
                assertThat(ids).as(text).isEqualTo(library.encode(text, true));
                assertThat(own.decode(ids)).isEqualTo(text);
            }
        }
    }

    /** Text of what word rules tell apart. */
    private static String randomText(Random random) {
        String[] parts = {
            " ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "'", "return", "Größe", "12345", "7", "();", "/**", "é", "東京",
            "🙂", "\u00A0", "\u3000", "٣", "e\u0301", "\u0000", "x", "<|", "_"
        };
        StringBuilder text = new StringBuilder();
        for (int length = random.nextInt(10); length > 0; length--) {
            text.append(parts[random.nextInt(parts.length)]);
        }
        return text.toString();
    }

    @Test
    void encodesTheNamesOfControlTokensAsTheseTokens() throws IOException {
        GgufTokenizer tokenizer = embedded("gpt-2");

        assertThat(tokenizer.encode("<|end|>x<|begin|>", true)).containsExactly(0, 1, 2 + 'x', 0);
        assertThat(tokenizer.decode(new int[] {0, 2 + 'x', 1})).isEqualTo("x");
        assertThat(tokenizer.size()).isEqualTo(4096);
    }

    private static GgufTokenizer embedded(String rule) throws IOException {
        JsonNode model = new JsonMapper()
                .readTree(HuggingFaceTokenizerTest.resource("tokenizer.json"))
                .path("model");
        List<String> tokens = new ArrayList<>();
        model.path("vocab").properties().forEach(entry -> tokens.add(entry.getKey()));
        List<String> merges =
                model.path("merges").valueStream().map(JsonNode::asString).toList();
        List<Integer> types = new ArrayList<>(Collections.nCopies(tokens.size(), 1));
        types.set(0, 3);
        types.set(1, 3);
        return GgufTokenizer.of(
                new GgufTokenizer.Vocabulary(FILE, "gpt2", rule, tokens, List.of(), types, merges, 0, 1, true));
    }

    @Test
    void joinsPiecesByScore() throws IOException {
        GgufTokenizer tokenizer = sentencePiece(true, true);

        assertThat(tokenizer.encode("ab ab", true)).containsExactly(1, 264, 264);
        assertThat(tokenizer.encode("é", false)).containsExactly(259, 3 + 0xC3, 3 + 0xA9);
        assertThat(tokenizer.encode("", true)).containsExactly(1);
        assertThat(tokenizer.encode("a<s>b", false)).containsExactly(262, 1, 259, 261);
        assertThat(tokenizer.encode("<0x0A>", false)).hasSizeGreaterThan(5);
        assertThat(tokenizer.decode(tokenizer.encode("ab é\n", true))).isEqualTo("ab é\n");
        assertThat(tokenizer.bytesOf(264)).containsExactly(' ', 'a', 'b');
        assertThat(tokenizer.bytesOf(0)).isEmpty();
        assertThat(tokenizer.addsLeadingSpace()).isTrue();
    }

    @Test
    void putsNoSpaceBeforeWhenTheFileSaysSo() throws IOException {
        GgufTokenizer tokenizer = sentencePiece(false, true);

        assertThat(tokenizer.encode("ab ab", false)).containsExactly(263, 264);
        assertThat(tokenizer.addsLeadingSpace()).isFalse();
        assertThat(tokenizer.decode(new int[] {264})).isEqualTo(" ab");
    }

    @Test
    void knowsBytesWithoutTypes() throws IOException {
        GgufTokenizer tokenizer = sentencePiece(true, false);

        assertThat(tokenizer.encode("é", false)).containsExactly(259, 3 + 0xC3, 3 + 0xA9);
        assertThat(tokenizer.bytesOf(3 + 0xC3)).containsExactly(0xC3);
    }

    private static GgufTokenizer sentencePiece(boolean spacePrefix, boolean withTypes) throws IOException {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        List<Integer> types = new ArrayList<>(List.of(2, 3, 3));
        for (int b = 0; b < 256; b++) {
            tokens.add(String.format("<0x%02X>", b));
            types.add(6);
        }
        tokens.addAll(List.of("▁", "a", "b", "▁a", "ab", "▁ab"));
        types.addAll(Collections.nCopies(6, 1));
        List<Float> scores = new ArrayList<>(Collections.nCopies(259, 0f));
        scores.addAll(List.of(-9f, -9f, -9f, -3f, -1f, -2f));
        return GgufTokenizer.of(new GgufTokenizer.Vocabulary(
                FILE, "llama", "", tokens, scores, withTypes ? types : List.of(), List.of(), 1, 2, spacePrefix));
    }

    @Test
    void saysWhichByteHasNoToken() throws IOException {
        GgufTokenizer tokenizer = GgufTokenizer.of(new GgufTokenizer.Vocabulary(
                FILE, "gpt2", "", List.of("a", "b", "ab"), List.of(), List.of(), List.of("a b"), -1, -1, true));

        assertThat(tokenizer.encode("abba", true)).containsExactly(2, 1, 0);
        assertThatThrownBy(() -> tokenizer.encode("abc", true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("0x63");
    }

    @Test
    void saysWhatIsWrongWithAVocabulary() {
        List<String> ab = List.of("a", "b");
        assertRefused("unigram", "", ab, List.of(), List.of(), List.of(), -1, "llama and gpt2");
        assertRefused("gpt2", "", List.of(), List.of(), List.of(), List.of(), -1, "no tokens");
        assertRefused("gpt2", "", ab, List.of(), List.of(1), List.of(), -1, "1 token types");
        assertRefused("gpt2", "", ab, List.of(), List.of(), List.of(), -1, "no merges");
        assertRefused("gpt2", "", ab, List.of(), List.of(), List.of("a b"), -1, "gives no token");
        assertRefused("gpt2", "", ab, List.of(), List.of(), List.of("ab"), -1, "gives no token");
        assertRefused("gpt2", "new-rule", ab, List.of(), List.of(), List.of("a b"), -1, "llama-bpe");
        assertRefused("llama", "", ab, List.of(0f), List.of(), List.of(), -1, "1 scores");
        assertRefused("llama", "", ab, List.of(0f, Float.NaN), List.of(), List.of(), -1, "not a number");
        assertRefused("llama", "", ab, List.of(0f, 0f), List.of(), List.of(), -1, "byte 0x00");
        assertRefused("llama", "", ab, List.of(0f, 0f), List.of(), List.of(), 2, "begins sequences");
    }

    private static void assertRefused(
            String model,
            String rule,
            List<String> tokens,
            List<Float> scores,
            List<Integer> types,
            List<String> merges,
            int begin,
            String reason) {
        assertThatThrownBy(() -> GgufTokenizer.of(new GgufTokenizer.Vocabulary(
                        FILE, model, rule, tokens, scores, types, merges, begin, -1, true)))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("model.gguf")
                .hasMessageContaining(reason);
    }
}
