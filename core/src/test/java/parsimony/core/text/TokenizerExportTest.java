package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.ModelFormatException;
import parsimony.core.io.LanguageModel.Embedded;
import parsimony.core.text.GgufTokenizer.Vocabulary;

class TokenizerExportTest {
    private static final List<String> TEXTS = List.of(
            "",
            "public static int indexOf(final int[] array, int value) {\n    return 12345; // it's\n}\n",
            " a  b\n\n\t}",
            "once upon a time there was a little  girl",
            "Größe = \"🙂\"; \u0000");

    @TempDir
    Path folder;

    @Test
    void byteLevelTokensReadBackFromGguf() throws IOException {
        HuggingFaceTokenizer original = embedded();

        Map<String, Object> metadata = TokenizerExport.gguf(original, original.size() + 3);

        assertThat(metadata)
                .containsEntry("tokenizer.ggml.model", "gpt2")
                .containsEntry("tokenizer.ggml.pre", "gpt-2")
                .containsEntry("tokenizer.ggml.bos_token_id", 0)
                .containsEntry("tokenizer.ggml.eos_token_id", 1)
                .containsEntry("tokenizer.ggml.add_bos_token", true);
        GgufTokenizer read = read(metadata);
        assertThat(read.size()).isEqualTo(original.size() + 3);
        assertSameTokens(original, read);
        assertSameTokens(original, huggingFace(read));
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "gpt-2", "llama-bpe", "qwen2", "smollm"})
    void everyRuleOfCuttingWordsSurvives(String rule) throws IOException {
        Vocabulary own = embedded().vocabulary();
        GgufTokenizer tokenizer = GgufTokenizer.of(new Vocabulary(
                own.file(), "gpt2", rule, own.tokens(), List.of(), own.types(), own.merges(), 0, 1, false));

        HuggingFaceTokenizer written = huggingFace(tokenizer);

        assertSameTokens(tokenizer, written);
        assertThat(written.vocabulary().preTokenizer()).isEqualTo(rule.equals("default") ? "gpt-2" : rule);
    }

    static Stream<Boolean> prefixes() {
        return Stream.of(true, false);
    }

    @Test
    void llama2cTokensReadBackFromBothFormats() throws IOException {
        Llama2cTokenizer original = llama2c();

        Map<String, Object> metadata = TokenizerExport.gguf(original, original.size());

        assertThat(metadata)
                .containsEntry("tokenizer.ggml.model", "llama")
                .containsEntry("tokenizer.ggml.unknown_token_id", 0)
                .containsEntry("tokenizer.ggml.bos_token_id", 1)
                .containsEntry("tokenizer.ggml.add_space_prefix", true);
        assertSameTokens(original, read(metadata));
        HuggingFaceTokenizer written = huggingFace(original);
        assertSameTokens(original, written);
        assertSameTokens(original, read(TokenizerExport.gguf(written, written.size())));
    }

    @ParameterizedTest
    @MethodSource("prefixes")
    void sentencePieceTokensKeepTheirSpacePrefix(boolean addSpacePrefix) throws IOException {
        Vocabulary own = llama2c().vocabulary();
        GgufTokenizer tokenizer = GgufTokenizer.of(new Vocabulary(
                own.file(), "llama", "", own.tokens(), own.scores(), List.of(), List.of(), 1, 2, addSpacePrefix));

        assertThat(tokenizer.addsLeadingSpace()).isEqualTo(addSpacePrefix);
        assertSameTokens(tokenizer, read(TokenizerExport.gguf(tokenizer, tokenizer.size())));
    }

    @Test
    void aRuleWithoutANameIsRefused() throws IOException {
        String json = new String(embedded().files().get("tokenizer.json"), StandardCharsets.UTF_8)
                .replace("\"pre_tokenizer\":{\"type\":\"ByteLevel\"", "\"pre_tokenizer\":{\"type\":\"Whitespace\"");
        HuggingFaceTokenizer tokenizer =
                HuggingFaceTokenizer.of(Path.of("tokenizer.json"), json.getBytes(StandardCharsets.UTF_8), null);

        assertThatThrownBy(() -> TokenizerExport.gguf(tokenizer, tokenizer.size()))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage("tokenizer.json: this tokenizer cannot be written to a GGUF file, for it cuts words by a"
                        + " rule that has no name there");
    }

    private static void assertSameTokens(Tokenizer expected, Tokenizer actual) {
        assertThat(actual.beginOfSequence()).isEqualTo(expected.beginOfSequence());
        assertThat(actual.endOfSequence()).isEqualTo(expected.endOfSequence());
        assertThat(actual.addsLeadingSpace()).isEqualTo(expected.addsLeadingSpace());
        for (int id = 0; id < expected.size(); id++) {
            assertThat(actual.bytesOf(id)).as("token %d", id).isEqualTo(expected.bytesOf(id));
        }
        for (String text : TEXTS) {
            assertThat(actual.encode(text, true)).as(text).isEqualTo(expected.encode(text, true));
        }
    }

    @SuppressWarnings("unchecked") // texts are lists of strings
    private static GgufTokenizer read(Map<String, Object> metadata) throws IOException {
        String prefix = "tokenizer.ggml.";
        List<Float> scores = new ArrayList<>();
        if (metadata.get(prefix + "scores") instanceof float[] given) {
            for (float score : given) {
                scores.add(score);
            }
        }
        return GgufTokenizer.of(new Vocabulary(
                Path.of("model.gguf"),
                (String) metadata.get(prefix + "model"),
                (String) metadata.getOrDefault(prefix + "pre", ""),
                (List<String>) metadata.get(prefix + "tokens"),
                scores,
                Arrays.stream((int[]) metadata.get(prefix + "token_type"))
                        .boxed()
                        .toList(),
                (List<String>) metadata.getOrDefault(prefix + "merges", List.of()),
                (int) metadata.getOrDefault(prefix + "bos_token_id", -1),
                (int) metadata.getOrDefault(prefix + "eos_token_id", -1),
                (boolean) metadata.getOrDefault(prefix + "add_space_prefix", true)));
    }

    private static HuggingFaceTokenizer huggingFace(Tokenizer tokenizer) throws IOException {
        Map<String, byte[]> files = TokenizerExport.huggingFace(tokenizer);
        return HuggingFaceTokenizer.of(
                Path.of("tokenizer.json"), files.get("tokenizer.json"), files.get("tokenizer_config.json"));
    }

    private static HuggingFaceTokenizer embedded() throws IOException {
        return HuggingFaceTokenizer.of(
                Path.of("tokenizer.json"), resource("tokenizer.json"), resource("tokenizer_config.json"));
    }

    private static byte[] resource(String file) throws IOException {
        String name = "/parsimony/core/models/" + Embedded.TARGET.modelName() + "/" + file;
        try (InputStream in = TokenizerExportTest.class.getResourceAsStream(name)) {
            return in.readAllBytes();
        }
    }

    /** Letters, and words made of them two by two. */
    private Llama2cTokenizer llama2c() throws IOException {
        List<String> pieces = new ArrayList<>();
        for (char letter = 'a'; letter <= 'z'; letter++) {
            pieces.add(String.valueOf(letter));
        }
        pieces.addAll(List.of(" ", "ö", "on", "ce", "once", " once", " t", "he", "the", " the", "im", "ime", "er"));
        ByteBuffer content = ByteBuffer.allocate(10_000).order(ByteOrder.LITTLE_ENDIAN);
        content.putInt(8);
        for (int id = 0; id < 259 + pieces.size(); id++) {
            byte[] piece = (id < 259 ? "<" + id + ">" : pieces.get(id - 259)).getBytes(StandardCharsets.UTF_8);
            content.putFloat(-id).putInt(piece.length).put(piece);
        }
        Path file = folder.resolve("tokenizer.bin");
        Files.write(file, Arrays.copyOf(content.array(), content.position()));
        return Llama2cTokenizer.open(file);
    }
}
