package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.ModelFormatException;

class HuggingFaceTokenizerTest {
    private static final String EMBEDDED = "/parsimony/core/models/java-6m/";

    @TempDir
    private Path folder;

    @Test
    void readsTheEmbeddedModelsTokenizer() throws IOException {
        try (HuggingFaceTokenizer tokenizer = embedded()) {
            assertThat(tokenizer.size()).isEqualTo(4096);
            assertThat(tokenizer.beginOfSequence()).isZero();
            assertThat(tokenizer.endOfSequence()).isEqualTo(1);
            assertThat(tokenizer.bytesOf(0)).isEmpty();
            assertThat(tokenizer.bytesOf(2 + 0xC3)).containsExactly(0xC3);
            assertThat(tokenizer.encode("    public static final", false)).hasSizeLessThanOrEqualTo(5);
            assertThat(tokenizer.encode("", true)).containsExactly(0);
            assertThat(tokenizer.encode("", false)).isEmpty();
            assertThat(tokenizer.addsLeadingSpace()).isFalse();
            assertThatThrownBy(() -> tokenizer.bytesOf(4096)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {" a  b\n\n\t}", "Größe = \"🙂\";", "List<s> x; // </s>", "\u0000\u0001", "\r\n \u3000x", "   "})
    void givesTheTextBack(String text) throws IOException {
        try (HuggingFaceTokenizer tokenizer = embedded()) {
            int[] ids = tokenizer.encode(text, true);

            assertThat(ids[0]).isZero();
            assertThat(Arrays.copyOfRange(ids, 1, ids.length)).isEqualTo(tokenizer.encode(text, false));
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
            StreamingDecoder decoder = new StreamingDecoder(tokenizer);
            StringBuilder streamed = new StringBuilder();
            for (int id : ids) {
                streamed.append(decoder.push(id));
            }
            assertThat(streamed.append(decoder.flush()).toString()).isEqualTo(text);
        }
    }

    @Test
    void readsSentencePieceVocabularies() throws IOException {
        Path file = Files.writeString(folder.resolve("tokenizer.json"), """
                {"version": "1.0",
                 "added_tokens": [
                   {"id": 1, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true},
                   {"id": 2, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true}],
                 "normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                 "pre_tokenizer": null, "post_processor": null,
                 "decoder": {"type": "Sequence", "decoders": [
                   {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                   {"type": "ByteFallback"}, {"type": "Fuse"},
                   {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                   "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0xC3>": 3, "<0xA9>": 4, "▁": 5, "a": 6, "b": 7,
                             "▁a": 8},
                   "merges": ["▁ a"]}}
                """);

        try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.open(file)) {
            assertThat(tokenizer.beginOfSequence()).isEqualTo(1);
            assertThat(tokenizer.endOfSequence()).isEqualTo(2);
            assertThat(tokenizer.addsLeadingSpace()).isTrue();
            int[] ids = tokenizer.encode("a abé", true);
            assertThat(ids).containsExactly(1, 8, 8, 7, 3, 4);
            assertThat(tokenizer.decode(ids)).isEqualTo("a abé");
            assertThat(tokenizer.bytesOf(8)).containsExactly(' ', 'a');
            assertThat(tokenizer.bytesOf(3)).containsExactly(0xC3);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    {"model":                                                        | not valid JSON
                    []                                                               | not a JSON object
                    {"model": {"type": "Unigram", "vocab": []}}                      | only BPE
                    {"model": {"type": "WordPiece", "vocab": {"a": 0}}}              | only BPE
                    {"model": {"type": "BPE", "vocab": {"a": "x"}, "merges": []}}    | no valid id
                    {"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}     | no valid id
                    {"model": {"type": "BPE", "vocab": {"a": 2147483647}, "merges": []}} | few tokens
                    {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["b c"]}} | can be used
                    """)
    void saysWhatIsWrongWithAFile(String content, String reason) throws IOException {
        Path file = Files.writeString(folder.resolve("broken.json"), content);

        assertThatThrownBy(() -> HuggingFaceTokenizer.open(file))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("broken.json")
                .hasMessageContaining(reason);
    }

    @Test
    void survivesAnyChangedByte() throws IOException {
        byte[] whole = resource("tokenizer.json");
        Random random = new Random(2);
        for (int i = 0; i < 40; i++) {
            byte[] changed = whole.clone();
            changed[i % 2 == 0 ? random.nextInt(1000) : random.nextInt(whole.length)] =
                    (byte) (32 + random.nextInt(95));
            try (HuggingFaceTokenizer tokenizer = HuggingFaceTokenizer.of(Path.of("changed"), changed, null)) {
                tokenizer.decode(tokenizer.encode("int size = 0;", true));
            } catch (ModelFormatException e) {
                assertThat(e).hasMessageContaining("changed");
            }
        }
    }

    static HuggingFaceTokenizer embedded() throws IOException {
        return HuggingFaceTokenizer.of(
                Path.of("tokenizer.json"), resource("tokenizer.json"), resource("tokenizer_config.json"));
    }

    static byte[] resource(String name) throws IOException {
        try (InputStream in = HuggingFaceTokenizer.class.getResourceAsStream(EMBEDDED + name)) {
            return in.readAllBytes();
        }
    }

    static String resourceText(String name) throws IOException {
        return new String(resource(name), StandardCharsets.UTF_8);
    }
}
