package parsimony.core.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * GPT-2's way of writing bytes as text: each byte has one visible character, so that a vocabulary over bytes can be kept
 * in a JSON file and every text, in whatever script, has an encoding. Printable bytes stand for themselves; the others
 * take the characters from U+0100 on (a space is Ġ, a newline Ċ).
 */
final class ByteLevel {
    /**
     * GPT-2's rule of where a token must not cross: contractions, then runs of letters, of digits or of other signs, each
     * with one space before, then white space, whose last character is left to the following word.
     */
    static final Pattern GPT2 =
            rule("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");

    /** Llama 3's: digits in groups of at most three, line ends kept with the signs before them. */
    static final Pattern LLAMA3 = rule("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");

    /** Qwen 2's: as Llama 3's, but each digit alone. */
    static final Pattern QWEN2 = rule("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+");

    private static final Pattern ONE_DIGIT = rule("\\p{N}");

    /** The rules by the names that GGUF files have for them; each splits what the one before left. */
    static final Map<String, List<Pattern>> RULES = Map.of(
            "default", List.of(GPT2),
            "gpt-2", List.of(GPT2),
            "llama-bpe", List.of(LLAMA3),
            "qwen2", List.of(QWEN2),
            "smollm", List.of(ONE_DIGIT, GPT2));

    private static final char[] CHARACTERS = new char[256];
    private static final short[] BYTES = new short[512];

    static {
        Arrays.fill(BYTES, (short) -1);
        int next = 256;
        for (int b = 0; b < 256; b++) {
            boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            CHARACTERS[b] = (char) (printable ? b : next++);
            BYTES[CHARACTERS[b]] = (short) b;
        }
    }

    private ByteLevel() {}

    /** The characters that stand for the bytes. */
    static String write(byte[] bytes) {
        StringBuilder text = new StringBuilder(bytes.length);
        for (byte b : bytes) {
            text.append(CHARACTERS[b & 0xFF]);
        }
        return text.toString();
    }

    /** The bytes that the characters stand for, or null when one of them stands for none. */
    static byte[] read(String written) {
        byte[] bytes = new byte[written.length()];
        for (int i = 0; i < bytes.length; i++) {
            char c = written.charAt(i);
            if (c >= BYTES.length || BYTES[c] < 0) {
                return null;
            }
            bytes[i] = (byte) BYTES[c];
        }
        return bytes;
    }

    /** Gives each word of the text, written in the byte characters, to the consumer, in order. */
    static void split(List<Pattern> rules, String text, Consumer<String> word) {
        if (rules.isEmpty()) {
            word.accept(write(text.getBytes(StandardCharsets.UTF_8)));
            return;
        }
        List<Pattern> further = rules.subList(1, rules.size());
        Matcher matcher = rules.getFirst().matcher(text);
        int end = 0;
        while (matcher.find()) {
            if (matcher.start() > end) {
                split(further, text.substring(end, matcher.start()), word);
            }
            end = matcher.end();
            split(further, matcher.group(), word);
        }
        if (end < text.length()) {
            split(further, text.substring(end), word);
        }
    }

    private static Pattern rule(String expression) {
        return Pattern.compile(expression, Pattern.UNICODE_CHARACTER_CLASS);
    }
}
