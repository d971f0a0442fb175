package parsimony.core.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import parsimony.core.ModelFormatException;
import parsimony.core.text.GgufTokenizer.Vocabulary;
import tools.jackson.databind.json.JsonMapper;

/** Tokenizers as files have them, for models that are written in another format than the one they were read from. */
public final class TokenizerExport {
    private static final String PREFIX = "tokenizer.ggml.";

    private TokenizerExport() {}

    /**
     * What a GGUF file says of a tokenizer.
     *
     * @param size tokens of the model's vocabulary; those that the tokenizer lacks are added as unused
     * @throws ModelFormatException if it cannot be told in that format
     */
    public static Map<String, Object> gguf(Tokenizer tokenizer, int size) throws ModelFormatException {
        Vocabulary vocabulary = vocabulary(tokenizer);
        boolean sentencePiece = vocabulary.model().equals("llama");
        List<String> tokens = new ArrayList<>(vocabulary.tokens());
        List<Integer> types = new ArrayList<>(types(vocabulary));
        List<Float> scores = new ArrayList<>(vocabulary.scores());
        while (tokens.size() < size) {
            tokens.add("<unused" + tokens.size() + ">");
            types.add(GgufTokenizer.UNUSED);
            scores.add(0f);
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put(PREFIX + "model", vocabulary.model());
        metadata.put(PREFIX + "tokens", tokens);
        metadata.put(
                PREFIX + "token_type",
                types.stream().mapToInt(Integer::intValue).toArray());
        if (sentencePiece) {
            float[] values = new float[tokens.size()];
            for (int id = 0; id < values.length; id++) {
                values[id] = scores.get(id);
            }
            metadata.put(PREFIX + "scores", values);
            metadata.put(PREFIX + "add_space_prefix", vocabulary.addSpacePrefix());
        } else {
            if (!vocabulary.preTokenizer().isEmpty()) {
                metadata.put(PREFIX + "pre", vocabulary.preTokenizer());
            }
            metadata.put(PREFIX + "merges", vocabulary.merges());
        }
        if (types.contains(GgufTokenizer.UNKNOWN)) {
            metadata.put(PREFIX + "unknown_token_id", types.indexOf(GgufTokenizer.UNKNOWN));
        }
        if (vocabulary.beginOfSequence() >= 0) {
            metadata.put(PREFIX + "bos_token_id", vocabulary.beginOfSequence());
        }
        if (vocabulary.endOfSequence() >= 0) {
            metadata.put(PREFIX + "eos_token_id", vocabulary.endOfSequence());
        }
        metadata.put(PREFIX + "add_bos_token", vocabulary.beginOfSequence() >= 0);
        return metadata;
    }

    /**
     * The files that a Hugging Face folder has of a tokenizer, by their names: those it was read from, or such as mean the same.
     *
     * @throws ModelFormatException if it cannot be told in that format
     */
    public static Map<String, byte[]> huggingFace(Tokenizer tokenizer) throws ModelFormatException {
        if (tokenizer instanceof HuggingFaceTokenizer original) {
            return original.files();
        }
        Vocabulary vocabulary = vocabulary(tokenizer);
        JsonMapper mapper = JsonMapper.shared();
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put(HuggingFaceTokenizer.TOKENIZER, mapper.writeValueAsBytes(new Json(vocabulary).tokenizer()));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("tokenizer_class", "PreTrainedTokenizerFast");
        config.put("bos_token", name(vocabulary, vocabulary.beginOfSequence()));
        config.put("eos_token", name(vocabulary, vocabulary.endOfSequence()));
        config.put("add_bos_token", vocabulary.beginOfSequence() >= 0);
        config.put("clean_up_tokenization_spaces", false);
        files.put(HuggingFaceTokenizer.CONFIG, mapper.writeValueAsBytes(config));
        return files;
    }

    private static Vocabulary vocabulary(Tokenizer tokenizer) throws ModelFormatException {
        return switch (tokenizer) {
            case GgufTokenizer gguf -> gguf.vocabulary();
            case Llama2cTokenizer llama2c -> llama2c.vocabulary();
            case HuggingFaceTokenizer huggingFace -> huggingFace.vocabulary();
            default ->
                throw new IllegalArgumentException(
                        "a tokenizer of " + tokenizer.getClass() + " has no form that a file can hold");
        };
    }

    /** A file that tells no types means normal tokens, and bytes where they are written as such. */
    private static List<Integer> types(Vocabulary vocabulary) {
        if (!vocabulary.types().isEmpty()) {
            return vocabulary.types();
        }
        boolean sentencePiece = vocabulary.model().equals("llama");
        return vocabulary.tokens().stream()
                .map(token -> sentencePiece && SentencePiece.fallbackByte(token) >= 0
                        ? GgufTokenizer.BYTE
                        : GgufTokenizer.NORMAL)
                .toList();
    }

    private static String name(Vocabulary vocabulary, int id) {
        return id < 0 ? null : vocabulary.tokens().get(id);
    }

    /** Builds a {@code tokenizer.json}. */
    private static final class Json {
        private final Vocabulary vocabulary;
        private final List<Integer> types;
        private final boolean sentencePiece;
        private final Map<String, Integer> ids = new LinkedHashMap<>();

        Json(Vocabulary vocabulary) {
            this.vocabulary = vocabulary;
            types = types(vocabulary);
            sentencePiece = vocabulary.model().equals("llama");
            for (int id = 0; id < vocabulary.tokens().size(); id++) {
                ids.putIfAbsent(vocabulary.tokens().get(id), id);
            }
        }

        Map<String, Object> tokenizer() {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("version", "1.0");
            json.put("truncation", null);
            json.put("padding", null);
            json.put("added_tokens", addedTokens());
            json.put("normalizer", sentencePiece ? normalizer() : null);
            json.put("pre_tokenizer", sentencePiece ? null : preTokenizer());
            json.put("post_processor", postProcessor());
            json.put("decoder", sentencePiece ? decoder() : byteLevel(true));
            json.put("model", model());
            return json;
        }

        private List<Object> addedTokens() {
            List<Object> added = new ArrayList<>();
            for (int id = 0; id < types.size(); id++) {
                int type = types.get(id);
                boolean special = type == GgufTokenizer.CONTROL || type == GgufTokenizer.UNKNOWN;
                if (special || type == GgufTokenizer.USER_DEFINED) {
                    Map<String, Object> token = new LinkedHashMap<>();
                    token.put("id", id);
                    token.put("content", vocabulary.tokens().get(id));
                    for (String flag : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                        token.put(flag, false);
                    }
                    token.put("special", special);
                    added.add(token);
                }
            }
            return added;
        }

        private Map<String, Object> normalizer() {
            List<Object> steps = new ArrayList<>();
            if (vocabulary.addSpacePrefix()) {
                steps.add(part("Prepend", "prepend", String.valueOf(SentencePiece.SPACE)));
            }
            steps.add(replacement(" ", String.valueOf(SentencePiece.SPACE)));
            return part("Sequence", "normalizers", steps);
        }

        private Map<String, Object> preTokenizer() {
            List<Pattern> rules =
                    ByteLevel.RULES.get(vocabulary.preTokenizer().isEmpty() ? "default" : vocabulary.preTokenizer());
            if (rules.equals(List.of(ByteLevel.GPT2))) {
                return byteLevel(true);
            }
            List<Object> steps = new ArrayList<>();
            if (rules.getLast().equals(ByteLevel.GPT2)) {
                steps.add(part("Digits", "individual_digits", true));
                steps.add(byteLevel(true));
                return part("Sequence", "pretokenizers", steps);
            }
            for (Pattern rule : rules) {
                Map<String, Object> step = part("Split", "pattern", Map.of("Regex", rule.pattern()));
                step.put("behavior", "Isolated");
                step.put("invert", false);
                steps.add(step);
            }
            steps.add(byteLevel(false));
            return part("Sequence", "pretokenizers", steps);
        }

        /** Puts the token that begins a sequence first. */
        private Map<String, Object> postProcessor() {
            if (vocabulary.beginOfSequence() < 0) {
                return null;
            }
            String begin = name(vocabulary, vocabulary.beginOfSequence());
            Map<String, Object> token = Map.of("SpecialToken", Map.of("id", begin, "type_id", 0));
            Map<String, Object> first = Map.of("Sequence", Map.of("id", "A", "type_id", 0));
            Map<String, Object> second = Map.of("Sequence", Map.of("id", "B", "type_id", 0));
            Map<String, Object> json = part("TemplateProcessing", "single", List.of(token, first));
            json.put("pair", List.of(token, first, second));
            json.put(
                    "special_tokens",
                    Map.of(
                            begin,
                            Map.of(
                                    "id",
                                    begin,
                                    "ids",
                                    List.of(vocabulary.beginOfSequence()),
                                    "tokens",
                                    List.of(begin))));
            return json;
        }

        private Map<String, Object> decoder() {
            List<Object> steps = new ArrayList<>();
            steps.add(replacement(String.valueOf(SentencePiece.SPACE), " "));
            steps.add(new LinkedHashMap<>(Map.of("type", "ByteFallback")));
            steps.add(new LinkedHashMap<>(Map.of("type", "Fuse")));
            if (vocabulary.addSpacePrefix()) {
                Map<String, Object> strip = part("Strip", "content", " ");
                strip.put("start", 1);
                strip.put("stop", 0);
                steps.add(strip);
            }
            return part("Sequence", "decoders", steps);
        }

        private Map<String, Object> model() {
            Map<String, Object> json = part("BPE", "dropout", null);
            int unknown = types.indexOf(GgufTokenizer.UNKNOWN);
            json.put("unk_token", sentencePiece && unknown >= 0 ? name(vocabulary, unknown) : null);
            json.put("continuing_subword_prefix", null);
            json.put("end_of_word_suffix", null);
            json.put("fuse_unk", sentencePiece);
            json.put("byte_fallback", sentencePiece);
            json.put("ignore_merges", vocabulary.preTokenizer().equals("llama-bpe"));
            json.put("vocab", ids);
            json.put("merges", sentencePiece ? mergesByScore() : vocabulary.merges());
            return json;
        }

        /** SentencePiece joins the two neighbours whose piece scores best: every way to make a piece of two, the best piece first. */
        private List<String> mergesByScore() {
            Map<String, Integer> pieces = new HashMap<>();
            ids.forEach((piece, id) -> {
                if (types.get(id) == GgufTokenizer.NORMAL || types.get(id) == GgufTokenizer.USER_DEFINED) {
                    pieces.put(piece, id);
                }
            });
            List<Integer> order = new ArrayList<>(pieces.values());
            order.sort(Comparator.comparingDouble(
                            (Integer id) -> -vocabulary.scores().get(id))
                    .thenComparingInt(id -> id));
            List<String> merges = new ArrayList<>();
            for (int id : order) {
                String piece = vocabulary.tokens().get(id);
                for (int cut = 1; cut < piece.length(); cut++) {
                    String left = piece.substring(0, cut);
                    String right = piece.substring(cut);
                    if (pieces.containsKey(left) && pieces.containsKey(right)) {
                        merges.add(left + " " + right);
                    }
                }
            }
            return merges;
        }

        private static Map<String, Object> byteLevel(boolean byRule) {
            Map<String, Object> json = part("ByteLevel", "add_prefix_space", false);
            json.put("trim_offsets", true);
            json.put("use_regex", byRule);
            return json;
        }

        private static Map<String, Object> replacement(String from, String to) {
            Map<String, Object> json = part("Replace", "pattern", Map.of("String", from));
            json.put("content", to);
            return json;
        }

        private static Map<String, Object> part(String type, String key, Object value) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("type", type);
            json.put(key, value);
            return json;
        }
    }
}
