package parsimony.core.text;

import ai.djl.huggingface.tokenizers.Encoding;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import parsimony.core.ModelFormatException;
import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The tokenizer of a Hugging Face {@code tokenizer.json}. Encoding is done by Hugging Face's own library, through DJL;
 * the bytes of the tokens are read from the file, so that they are exact where the library's decoder gives text.
 *
 * <p>The tokens that begin and end a sequence are those that {@code tokenizer_config.json} beside the file names; without
 * one, the customary names are looked for among the special tokens.
 *
 * <p>A special token's name within a text is encoded as that special token, as everywhere in this format.
 */
public final class HuggingFaceTokenizer implements Tokenizer, AutoCloseable {
    static final String TOKENIZER = "tokenizer.json";
    static final String CONFIG = "tokenizer_config.json";

    private static final List<String> BEGIN_NAMES =
            List.of(BpeTrainer.BEGIN, "<|begin_of_text|>", "<s>", "<bos>", "<|startoftext|>");
    private static final List<String> END_NAMES =
            List.of(BpeTrainer.END, "<|end_of_text|>", "</s>", "<eos>", "<|endoftext|>");

    static {
        // The library reports its use home unless told otherwise, and would fetch what it misses.
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
    }

    private final Path name;
    private final byte[] tokenizerJson;
    private final byte[] configJson;
    private final ai.djl.huggingface.tokenizers.HuggingFaceTokenizer encoder;
    private final byte[][] bytes;
    private final int begin;
    private final int end;
    private final boolean leadingSpace;

    private HuggingFaceTokenizer(
            Path name,
            byte[] tokenizerJson,
            byte[] configJson,
            ai.djl.huggingface.tokenizers.HuggingFaceTokenizer encoder,
            byte[][] bytes,
            int begin,
            int end,
            boolean leadingSpace) {
        this.name = name;
        this.tokenizerJson = tokenizerJson;
        this.configJson = configJson;
        this.encoder = encoder;
        this.bytes = bytes;
        this.begin = begin;
        this.end = end;
        this.leadingSpace = leadingSpace;
    }

    /**
     * Opens a tokenizer.
     *
     * @param tokenizerJson a {@code tokenizer.json}; {@code tokenizer_config.json} is looked for beside it
     * @throws ModelFormatException when a file is malformed
     * @throws IOException when one cannot be read
     */
    public static HuggingFaceTokenizer open(Path tokenizerJson) throws IOException {
        Path config = tokenizerJson.resolveSibling(CONFIG);
        return of(
                tokenizerJson,
                Files.readAllBytes(tokenizerJson),
                Files.exists(config) ? Files.readAllBytes(config) : null);
    }

    /**
     * Makes a tokenizer of files already read, such as resources.
     *
     * @param name what to call {@code tokenizer.json} in messages
     * @param tokenizerJson its content
     * @param configJson the content of {@code tokenizer_config.json}, or null
     * @throws ModelFormatException when one is malformed
     */
    public static HuggingFaceTokenizer of(Path name, byte[] tokenizerJson, byte[] configJson) throws IOException {
        JsonNode root = parse(name, tokenizerJson);
        Map<String, Integer> special = new HashMap<>();
        byte[][] bytes = tokenBytes(name, root, special);
        JsonNode config = configJson == null ? null : parse(name.resolveSibling(CONFIG), configJson);
        int begin = find(special, config, "bos_token", BEGIN_NAMES);
        int end = find(special, config, "eos_token", END_NAMES);
        ai.djl.huggingface.tokenizers.HuggingFaceTokenizer encoder;
        try {
            encoder = ai.djl.huggingface.tokenizers.HuggingFaceTokenizer.newInstance(
                    new ByteArrayInputStream(tokenizerJson),
                    Map.of("addSpecialTokens", "false", "truncation", "false", "padding", "false"));
        } catch (RuntimeException e) {
            throw new ModelFormatException(name, 0, "is no tokenizer that can be used: " + firstLine(e));
        }
        return new HuggingFaceTokenizer(
                name, tokenizerJson, configJson, encoder, bytes, begin, end, stripsLeadingSpace(root.path("decoder")));
    }

    private static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }

    private static JsonNode parse(Path file, byte[] content) throws ModelFormatException {
        try {
            JsonNode root = new JsonMapper().readTree(content);
            if (!root.isObject()) {
                throw new ModelFormatException(file, 0, "is not a JSON object; is it a tokenizer's file?");
            }
            return root;
        } catch (JacksonException e) {
            TokenStreamLocation location = e.getLocation();
            long offset = location == null ? 0 : Math.max(0, location.getByteOffset());
            throw new ModelFormatException(file, offset, "is not valid JSON: " + e.getOriginalMessage());
        }
    }

    private static byte[][] tokenBytes(Path file, JsonNode root, Map<String, Integer> special)
            throws ModelFormatException {
        JsonNode vocabulary = root.path("model").path("vocab");
        String type = root.path("model").path("type").asString("BPE");
        if (!vocabulary.isObject() || !type.equals("BPE")) {
            throw new ModelFormatException(file, 0, "has no object model.vocab; only BPE tokenizers can be read");
        }
        JsonNode added = root.path("added_tokens");
        long largest = 0;
        for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
            largest = Math.max(largest, checkedId(file, entry.getKey(), entry.getValue()) + 1L);
        }
        for (JsonNode token : added) {
            largest = Math.max(largest, checkedId(file, token.path("content").asString(""), token.path("id")) + 1L);
        }
        // Ids may have gaps, but a file cannot ask for much more memory than it has tokens.
        if (largest > 2L * (vocabulary.size() + added.size()) + 1024) {
            throw new ModelFormatException(file, 0, "has a token id of " + (largest - 1) + " but few tokens");
        }
        int size = (int) largest;
        boolean byteLevel =
                mentions(root.path("decoder"), "ByteLevel") || mentions(root.path("pre_tokenizer"), "ByteLevel");
        byte[][] bytes = new byte[size][];
        for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
            bytes[entry.getValue().intValue()] =
                    byteLevel ? byteLevelBytes(entry.getKey()) : SentencePiece.bytes(entry.getKey());
        }
        for (JsonNode token : added) {
            int id = token.path("id").intValue();
            String content = token.path("content").asString("");
            boolean isSpecial = token.path("special").asBoolean(false);
            bytes[id] = isSpecial ? new byte[0] : content.getBytes(StandardCharsets.UTF_8);
            if (isSpecial) {
                special.put(content, id);
            }
        }
        for (int id = 0; id < size; id++) {
            if (bytes[id] == null) {
                bytes[id] = new byte[0];
            }
        }
        return bytes;
    }

    private static int checkedId(Path file, String token, JsonNode id) throws ModelFormatException {
        if (!id.isInt() || id.intValue() < 0) {
            throw new ModelFormatException(file, 0, "gives the token \"" + token + "\" no valid id");
        }
        return id.intValue();
    }

    /** The bytes of a byte-level token; one with characters that stand for no byte is taken as it is written. */
    private static byte[] byteLevelBytes(String token) {
        byte[] read = ByteLevel.read(token);
        return read != null ? read : token.getBytes(StandardCharsets.UTF_8);
    }

    private static int find(Map<String, Integer> special, JsonNode config, String key, List<String> customary) {
        if (config != null) {
            JsonNode named = config.path(key);
            String name = named.isObject() ? named.path("content").asString("") : named.asString("");
            return special.getOrDefault(name, -1);
        }
        return customary.stream()
                .filter(special::containsKey)
                .findFirst()
                .map(special::get)
                .orElse(-1);
    }

    /** Whether a part of the tokenizer is of the type, or is a sequence with such a part. */
    private static boolean mentions(JsonNode part, String type) {
        if (part.path("type").asString("").equals(type)) {
            return true;
        }
        for (String list : List.of("decoders", "pretokenizers")) {
            for (JsonNode inner : part.path(list)) {
                if (mentions(inner, type)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether the decoder takes away the space that encoding put before the text. */
    private static boolean stripsLeadingSpace(JsonNode decoder) {
        return mentions(decoder, "Strip")
                || (mentions(decoder, "Metaspace")
                        && decoder.path("add_prefix_space").asBoolean(true)
                        && !decoder.path("prepend_scheme").asString("").equals("never"));
    }

    /** The files that it was made of, by their names. */
    Map<String, byte[]> files() {
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put(TOKENIZER, tokenizerJson.clone());
        if (configJson != null) {
            files.put(CONFIG, configJson.clone());
        }
        return files;
    }

    /**
     * The same tokens as a GGUF file has them.
     *
     * @throws ModelFormatException if they cannot be told in that format
     */
    GgufTokenizer.Vocabulary vocabulary() throws ModelFormatException {
        return new BpeVocabulary(name, parse(name, tokenizerJson), bytes.length).forGguf(begin, end);
    }

    @Override
    public int[] encode(String text, boolean beginOfSequence) {
        Encoding encoding = encoder.encode(text, false, false);
        long[] ids = encoding.getIds();
        int offset = beginOfSequence && begin >= 0 ? 1 : 0;
        int[] tokens = new int[ids.length + offset];
        if (offset == 1) {
            tokens[0] = begin;
        }
        for (int i = 0; i < ids.length; i++) {
            tokens[i + offset] = (int) ids[i];
        }
        return tokens;
    }

    @Override
    public byte[] bytesOf(int id) {
        return bytes[id].clone();
    }

    @Override
    public int beginOfSequence() {
        return begin;
    }

    @Override
    public int endOfSequence() {
        return end;
    }

    @Override
    public int size() {
        return bytes.length;
    }

    @Override
    public boolean addsLeadingSpace() {
        return leadingSpace;
    }

    /** Frees the library's memory. */
    @Override
    public void close() {
        encoder.close();
    }
}
