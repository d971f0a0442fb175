package parsimony.core.text;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;

/**
 * The tokenizer that a GGUF file carries, of either kind: {@code llama} (SentencePiece: pieces joined by score, unknown
 * characters in bytes) or {@code gpt2} (byte-level byte-pair encoding by ranked merges).
 *
 * <p>The name of a control or user-defined token within a text is encoded as that token, the longest name first. In a
 * {@code llama} vocabulary a space is put before the text, and before what follows such a token, unless the file says no.
 */
public final class GgufTokenizer implements Tokenizer {
    static final int NORMAL = 1;
    static final int UNKNOWN = 2;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;
    static final int UNUSED = 5;
    static final int BYTE = 6;

    /** Words whose tokens are remembered; texts repeat most of theirs. */
    private static final int REMEMBERED_WORDS = 1 << 16;

    /**
     * What a GGUF file says about its tokens, under {@code tokenizer.ggml.*}.
     *
     * @param file the file, for messages
     * @param model {@code model}: {@code llama} or {@code gpt2}
     * @param preTokenizer {@code pre}: the rule that cuts words, of {@code gpt2} only; empty for {@code default}
     * @param tokens {@code tokens}
     * @param scores {@code scores}: needed by {@code llama} only, otherwise empty
     * @param types {@code token_type}: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; empty when all
     *     are normal
     * @param merges {@code merges}: two tokens with a space between, best first; needed by {@code gpt2} only, otherwise
     *     empty
     * @param beginOfSequence {@code bos_token_id}, or −1
     * @param endOfSequence {@code eos_token_id}, or −1
     * @param addSpacePrefix {@code add_space_prefix}, true unless the file says otherwise; ignored by {@code gpt2}
     */
    public record Vocabulary(
            Path file,
            String model,
            String preTokenizer,
            List<String> tokens,
            List<Float> scores,
            List<Integer> types,
            List<String> merges,
            int beginOfSequence,
            int endOfSequence,
            boolean addSpacePrefix) {}

    /** Encodes text in which no token's name stands. */
    private interface TextEncoder {
        void encode(String text, IntConsumer token);
    }

    private final Vocabulary vocabulary;
    private final byte[][] bytes;
    private final int begin;
    private final int end;
    private final boolean leadingSpace;
    private final Map<String, Integer> named = new HashMap<>();
    private final Pattern names;
    private final TextEncoder encoder;

    private GgufTokenizer(Vocabulary vocabulary) throws ModelFormatException {
        check(vocabulary);
        this.vocabulary = vocabulary;
        int size = vocabulary.tokens.size();
        begin = vocabulary.beginOfSequence;
        end = vocabulary.endOfSequence;
        boolean sentencePiece = vocabulary.model.equals("llama");
        leadingSpace = sentencePiece && vocabulary.addSpacePrefix;
        int[] types = types(vocabulary, sentencePiece);
        bytes = new byte[size][];
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < size; id++) {
            String token = vocabulary.tokens.get(id);
            bytes[id] = bytes(token, types[id], sentencePiece);
            if (types[id] == NORMAL || types[id] == USER_DEFINED) {
                ids.putIfAbsent(token, id);
            }
            if ((types[id] == CONTROL || types[id] == USER_DEFINED) && !token.isEmpty()) {
                named.putIfAbsent(token, id);
            }
        }
        names = named.isEmpty()
                ? null
                : Pattern.compile(named.keySet().stream()
                        .sorted(Comparator.comparingInt(String::length)
                                .reversed()
                                .thenComparing(name -> name))
                        .map(Pattern::quote)
                        .collect(Collectors.joining("|")));
        encoder = sentencePiece ? sentencePiece(vocabulary, types, ids) : bytePairs(vocabulary, ids);
    }

    /**
     * Makes the tokenizer of a GGUF file.
     *
     * @throws ModelFormatException when the vocabulary contradicts itself, or is of a kind not known here
     */
    public static GgufTokenizer of(Vocabulary vocabulary) throws ModelFormatException {
        return new GgufTokenizer(vocabulary);
    }

    private static void check(Vocabulary vocabulary) throws ModelFormatException {
        int size = vocabulary.tokens.size();
        boolean llama = vocabulary.model.equals("llama");
        if (!llama && !vocabulary.model.equals("gpt2")) {
            throw malformed(
                    vocabulary,
                    "has a tokenizer of model \"" + vocabulary.model
                            + "\"; those of models llama and gpt2 can be read");
        }
        if (size == 0) {
            throw malformed(vocabulary, "has no tokens under tokenizer.ggml.tokens");
        }
        if (!vocabulary.types.isEmpty() && vocabulary.types.size() != size) {
            throw malformed(vocabulary, "has " + size + " tokens but " + vocabulary.types.size() + " token types");
        }
        if (llama && vocabulary.scores.size() != size) {
            throw malformed(vocabulary, "has " + size + " tokens but " + vocabulary.scores.size() + " scores");
        }
        if (llama && vocabulary.scores.stream().anyMatch(score -> score.isNaN())) {
            throw malformed(vocabulary, "has a token score that is not a number");
        }
        if (vocabulary.beginOfSequence < -1 || vocabulary.beginOfSequence >= size) {
            throw malformed(vocabulary, "begins sequences with token " + vocabulary.beginOfSequence + " of " + size);
        }
        if (vocabulary.endOfSequence < -1 || vocabulary.endOfSequence >= size) {
            throw malformed(vocabulary, "ends sequences with token " + vocabulary.endOfSequence + " of " + size);
        }
    }

    private static ModelFormatException malformed(Vocabulary vocabulary, String reason) {
        return new ModelFormatException(vocabulary.file, 0, reason);
    }

    /** The tokens' types; in a file without, the tokens that are written as bytes are bytes. */
    private static int[] types(Vocabulary vocabulary, boolean sentencePiece) {
        int[] types = new int[vocabulary.tokens.size()];
        for (int id = 0; id < types.length; id++) {
            boolean isByte = sentencePiece && SentencePiece.fallbackByte(vocabulary.tokens.get(id)) >= 0;
            types[id] = !vocabulary.types.isEmpty() ? vocabulary.types.get(id) : isByte ? BYTE : NORMAL;
        }
        return types;
    }

    private static byte[] bytes(String token, int type, boolean sentencePiece) {
        if (type != NORMAL && type != USER_DEFINED && type != BYTE) {
            return new byte[0];
        }
        if (sentencePiece) {
            return SentencePiece.bytes(token);
        }
        byte[] read = type == USER_DEFINED ? null : ByteLevel.read(token);
        return read != null ? read : token.getBytes(StandardCharsets.UTF_8);
    }

    private static TextEncoder sentencePiece(Vocabulary vocabulary, int[] types, Map<String, Integer> ids)
            throws ModelFormatException {
        int[] byteIds = new int[256];
        Arrays.fill(byteIds, -1);
        int unknown = -1;
        for (int id = 0; id < types.length; id++) {
            int fallback = types[id] == BYTE ? SentencePiece.fallbackByte(vocabulary.tokens.get(id)) : -1;
            if (fallback >= 0) {
                byteIds[fallback] = id;
            } else if (types[id] == UNKNOWN && unknown < 0) {
                unknown = id;
            }
        }
        for (int b = 0; b < byteIds.length; b++) {
            if (byteIds[b] < 0 && unknown < 0) {
                throw malformed(vocabulary, String.format("has neither a token for byte 0x%02X nor an unknown one", b));
            }
            byteIds[b] = byteIds[b] < 0 ? unknown : byteIds[b];
        }
        float[] scores = new float[vocabulary.scores.size()];
        for (int id = 0; id < scores.length; id++) {
            scores[id] = vocabulary.scores.get(id);
        }
        SentencePiece pieces = new SentencePiece(ids, scores, byteIds);
        String prefix = vocabulary.addSpacePrefix ? " " : "";
        return (text, token) -> pieces.encode((prefix + text).replace(' ', SentencePiece.SPACE), token);
    }

    private static TextEncoder bytePairs(Vocabulary vocabulary, Map<String, Integer> ids) throws ModelFormatException {
        String ruleName = vocabulary.preTokenizer.isEmpty() ? "default" : vocabulary.preTokenizer;
        List<Pattern> rules = ByteLevel.RULES.get(ruleName);
        if (rules == null) {
            throw malformed(
                    vocabulary,
                    "cuts words by the rule \"" + ruleName + "\"; known are "
                            + new TreeSet<>(ByteLevel.RULES.keySet()));
        }
        if (vocabulary.merges.isEmpty()) {
            throw malformed(vocabulary, "has no merges under tokenizer.ggml.merges");
        }
        Map<String, Integer> ranks = new HashMap<>();
        for (String merge : vocabulary.merges) {
            int space = merge.indexOf(' ', 1);
            if (space < 0 || !ids.containsKey(merge.substring(0, space) + merge.substring(space + 1))) {
                throw malformed(vocabulary, "merges \"" + merge + "\", which gives no token");
            }
            ranks.putIfAbsent(merge, ranks.size());
        }
        // Llama 3's tokens include words that no series of merges leads to.
        boolean wholeWordsFirst = ruleName.equals("llama-bpe");
        Map<String, int[]> remembered = new ConcurrentHashMap<>();
        return (text, token) -> ByteLevel.split(rules, text, word -> {
            int[] tokens = remembered.get(word);
            if (tokens == null) {
                tokens = encodeWord(word, ids, ranks, wholeWordsFirst);
                if (remembered.size() < REMEMBERED_WORDS) {
                    remembered.put(word, tokens);
                }
            }
            for (int id : tokens) {
                token.accept(id);
            }
        });
    }

    private static int[] encodeWord(
            String word, Map<String, Integer> ids, Map<String, Integer> ranks, boolean wholeWordsFirst) {
        Integer whole = wholeWordsFirst ? ids.get(word) : null;
        if (whole != null) {
            return new int[] {whole};
        }
        List<String> symbols =
                PairMerger.merge(word.chars().mapToObj(Character::toString).toList(), (left, right) -> {
                    Integer rank = ranks.get(left + " " + right);
                    return rank == null ? PairMerger.NEVER : rank;
                });
        return symbols.stream()
                .mapToInt(symbol -> {
                    Integer id = ids.get(symbol);
                    if (id == null) {
                        throw new IllegalArgumentException(String.format(
                                "the vocabulary has no token for byte 0x%02X of the text", ByteLevel.read(symbol)[0]));
                    }
                    return id;
                })
                .toArray();
    }

    /** What it was made of. */
    Vocabulary vocabulary() {
        return vocabulary;
    }

    @Override
    public int[] encode(String text, boolean beginOfSequence) {
        IntStream.Builder tokens = IntStream.builder();
        if (beginOfSequence && begin >= 0) {
            tokens.add(begin);
        }
        int encoded = 0;
        if (names != null) {
            Matcher matcher = names.matcher(text);
            while (matcher.find()) {
                encodePart(text.substring(encoded, matcher.start()), tokens);
                tokens.add(named.get(matcher.group()));
                encoded = matcher.end();
            }
        }
        encodePart(text.substring(encoded), tokens);
        return tokens.build().toArray();
    }

    private void encodePart(String text, IntConsumer token) {
        if (!text.isEmpty()) {
            encoder.encode(text, token);
        }
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
}
