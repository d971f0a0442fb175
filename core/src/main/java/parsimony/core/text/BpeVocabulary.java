package parsimony.core.text;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import parsimony.core.ModelFormatException;
import tools.jackson.databind.JsonNode;

/**
 * A {@code tokenizer.json}, read for what a GGUF file says of the same tokenizer: byte-level ones as {@code gpt2}, those that stand for a SentencePiece model (spaces written
 * as ▁, unknown characters in bytes) as {@code llama}.
 */
final class BpeVocabulary {
    /** Of pieces that nothing is joined to. */
    private static final float NEVER = -1e9f;

    private final Path file;
    private final JsonNode root;
    private final int size;

    /** @param size tokens, added ones among them */
    BpeVocabulary(Path file, JsonNode root, int size) {
        this.file = file;
        this.root = root;
        this.size = size;
    }

    GgufTokenizer.Vocabulary forGguf(int begin, int end) throws ModelFormatException {
        boolean sentencePiece = isSentencePiece();
        String rule = sentencePiece ? "" : rule();
        String unknown = root.path("model").path("unk_token").asString("");
        List<String> tokens = new ArrayList<>();
        List<Integer> types = new ArrayList<>(Collections.nCopies(size, GgufTokenizer.UNUSED));
        for (int id = 0; id < size; id++) {
            tokens.add("<unused" + id + ">");
        }
        for (Map.Entry<String, JsonNode> entry :
                root.path("model").path("vocab").properties()) {
            int id = entry.getValue().intValue();
            boolean isByte = sentencePiece && SentencePiece.fallbackByte(entry.getKey()) >= 0;
            tokens.set(id, entry.getKey());
            types.set(id, isByte ? GgufTokenizer.BYTE : GgufTokenizer.NORMAL);
        }
        for (JsonNode added : root.path("added_tokens")) {
            int id = added.path("id").intValue();
            String content = added.path("content").asString("");
            boolean special = added.path("special").asBoolean(false);
            tokens.set(id, content);
            types.set(
                    id,
                    !special
                            ? GgufTokenizer.USER_DEFINED
                            : sentencePiece && content.equals(unknown) ? GgufTokenizer.UNKNOWN : GgufTokenizer.CONTROL);
        }
        return sentencePiece
                ? new GgufTokenizer.Vocabulary(
                        file, "llama", "", tokens, scores(tokens), types, List.of(), begin, end, prependsSpace())
                : new GgufTokenizer.Vocabulary(
                        file, "gpt2", rule, tokens, List.of(), types, merges(), begin, end, false);
    }

    /** Older files write a merge as one text, newer ones as two. */
    private List<String> merges() {
        List<String> merges = new ArrayList<>();
        for (JsonNode merge : root.path("model").path("merges")) {
            if (merge.isArray()) {
                merges.add(merge.path(0).asString("") + " " + merge.path(1).asString(""));
            } else {
                merges.add(merge.asString(""));
            }
        }
        return merges;
    }

    /** Earlier merges make better pieces. */
    private List<Float> scores(List<String> tokens) {
        Map<String, Float> ranks = new HashMap<>();
        for (String merge : merges()) {
            ranks.putIfAbsent(merge.replace(" ", ""), (float) -ranks.size());
        }
        return tokens.stream().map(token -> ranks.getOrDefault(token, NEVER)).toList();
    }

    private boolean isSentencePiece() {
        boolean replacesSpaces = false;
        for (JsonNode step : root.path("normalizer").path("normalizers")) {
            replacesSpaces |= step.path("type").asString("").equals("Replace")
                    && step.path("pattern").path("String").asString("").equals(" ")
                    && step.path("content").asString("").equals(String.valueOf(SentencePiece.SPACE));
        }
        return replacesSpaces
                && !root.path("pre_tokenizer").isObject()
                && root.path("model").path("byte_fallback").asBoolean(false);
    }

    private boolean prependsSpace() {
        for (JsonNode step : root.path("normalizer").path("normalizers")) {
            if (step.path("type").asString("").equals("Prepend")) {
                return true;
            }
        }
        return false;
    }

    /** GGUF's name for the way in which words are cut. */
    private String rule() throws ModelFormatException {
        JsonNode normalizer = root.path("normalizer");
        if (normalizer.isObject() && !normalizer.path("type").asString("").equals("NFC")) {
            throw refused("changes the text before it is cut");
        }
        JsonNode cutter = root.path("pre_tokenizer");
        if (isByteLevel(cutter, true)) {
            return "gpt-2";
        }
        JsonNode parts = cutter.path("pretokenizers");
        if (parts.size() == 2 && isByteLevel(parts.get(1), false)) {
            String expression = parts.get(0).path("pattern").path("Regex").asString("");
            if (expression.equals(ByteLevel.LLAMA3.pattern())) {
                return "llama-bpe";
            }
            if (expression.equals(ByteLevel.QWEN2.pattern())) {
                return "qwen2";
            }
        }
        if (parts.size() == 2
                && isByteLevel(parts.get(1), true)
                && parts.get(0).path("type").asString("").equals("Digits")
                && parts.get(0).path("individual_digits").asBoolean(false)) {
            return "smollm";
        }
        throw refused("cuts words by a rule that has no name there");
    }

    private static boolean isByteLevel(JsonNode cutter, boolean byRule) {
        return cutter.path("type").asString("").equals("ByteLevel")
                && !cutter.path("add_prefix_space").asBoolean(true)
                && cutter.path("use_regex").asBoolean(true) == byRule;
    }

    private ModelFormatException refused(String reason) {
        return new ModelFormatException(file, -1, "this tokenizer cannot be written to a GGUF file, for it " + reason);
    }
}
