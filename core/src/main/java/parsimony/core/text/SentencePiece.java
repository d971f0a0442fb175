package parsimony.core.text;

import java.nio.charset.StandardCharsets;

/** How SentencePiece vocabularies write pieces of text. */
final class SentencePiece {
    /** Stands for a space. */
    static final char SPACE = '\u2581';

    private SentencePiece() {}

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
