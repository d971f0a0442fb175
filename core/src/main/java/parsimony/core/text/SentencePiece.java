package parsimony.core.text;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;

/**
 * Pieces of text with scores, as SentencePiece's byte-pair models have them: neighbours are joined to the best-scored piece
 * first, and a character that is in no piece is spelled in bytes.
 */
final class SentencePiece {
    /** How vocabularies write a space. */
    static final char SPACE = '\u2581';

    private final Map<String, Integer> ids;
    private final float[] scores;
    private final int[] byteIds;

    /**
     * @param ids the pieces that text may be encoded to
     * @param scores by id
     * @param byteIds the tokens of the 256 bytes
     */
    SentencePiece(Map<String, Integer> ids, float[] scores, int[] byteIds) {
        this.ids = ids;
        this.scores = scores;
        this.byteIds = byteIds;
    }

    /** Gives the tokens of a text to the consumer, in order. */
    void encode(String text, IntConsumer token) {
        List<String> characters =
                text.codePoints().mapToObj(Character::toString).toList();
        for (String piece : PairMerger.merge(characters, this::cost)) {
            Integer id = ids.get(piece);
            if (id != null) {
                token.accept(id);
            } else {
                for (byte b : piece.getBytes(StandardCharsets.UTF_8)) {
                    token.accept(byteIds[b & 0xFF]);
                }
            }
        }
    }

    private double cost(String left, String right) {
        Integer joined = ids.get(left + right);
        return joined == null ? PairMerger.NEVER : -scores[joined];
    }

    /** The byte that a fallback piece such as {@code <0x0A>} stands for, or −1 when the piece is none. */
    static int fallbackByte(String piece) {
        if (piece.length() != 6 || !piece.startsWith("<0x") || piece.charAt(5) != '>') {
            return -1;
        }
        int high = Character.digit(piece.charAt(3), 16);
        int low = Character.digit(piece.charAt(4), 16);
        return high < 0 || low < 0 ? -1 : 16 * high + low;
    }

    /** The bytes that a piece adds to the text. */
    static byte[] bytes(String piece) {
        int fallback = fallbackByte(piece);
        return fallback >= 0
                ? new byte[] {(byte) fallback}
                : piece.replace(SPACE, ' ').getBytes(StandardCharsets.UTF_8);
    }
}
