package parsimony.core.text;

import java.nio.charset.StandardCharsets;

/** Text to token ids and back. Implementations may be used by several threads at once. */
public interface Tokenizer {
    /**
     * The tokens of a text.
     *
     * @param beginOfSequence whether to put the token that begins a sequence first; a tokenizer without one ignores this
     */
    int[] encode(String text, boolean beginOfSequence);

    /**
     * The exact bytes that a token adds to the text: none for the special tokens that stand for no text. They need not be
     * whole characters.
     *
     * @throws IndexOutOfBoundsException when there is no such token
     */
    byte[] bytesOf(int id);

    /** The id that begins a sequence, or −1. */
    int beginOfSequence();

    /** The id that ends a sequence, or −1. */
    int endOfSequence();

    /** How many tokens there are: ids run from 0 to one below. */
    int size();

    /**
     * Whether encoding puts a space before a text (as SentencePiece does), so that decoding takes one away from its
     * beginning.
     */
    default boolean addsLeadingSpace() {
        return false;
    }

    /** The text of the tokens; bytes that are not UTF-8 become U+FFFD. */
    default String decode(int[] ids) {
        int length = 0;
        byte[][] pieces = new byte[ids.length][];
        for (int i = 0; i < ids.length; i++) {
            pieces[i] = bytesOf(ids[i]);
            length += pieces[i].length;
        }
        byte[] bytes = new byte[length];
        int at = 0;
        for (byte[] piece : pieces) {
            System.arraycopy(piece, 0, bytes, at, piece.length);
            at += piece.length;
        }
        int from = addsLeadingSpace() && length > 0 && bytes[0] == ' ' ? 1 : 0;
        return new String(bytes, from, length - from, StandardCharsets.UTF_8);
    }
}
