package parsimony.core.text;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Turns tokens into text one at a time, as they are generated. A token may end within a character; its bytes are then kept
 * back until the character is whole, so that what is given out can be shown at once.
 */
public final class StreamingDecoder {
    private final Tokenizer tokenizer;
    private final CharsetDecoder decoder = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);

    /** Bytes of a character that is not yet whole. */
    private byte[] pending = {};

    private boolean afterBegin;

    /** A decoder of what follows some text: a leading space is taken away only after a token that begins a sequence. */
    public StreamingDecoder(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** The text that the token makes certain, which may be empty; bytes that cannot be UTF-8 become U+FFFD. */
    public String push(int id) {
        byte[] bytes = tokenizer.bytesOf(id);
        int from = afterBegin && tokenizer.addsLeadingSpace() && bytes.length > 0 && bytes[0] == ' ' ? 1 : 0;
        afterBegin = id == tokenizer.beginOfSequence() || (afterBegin && bytes.length == 0);
        ByteBuffer input = ByteBuffer.allocate(pending.length + bytes.length - from);
        input.put(pending).put(bytes, from, bytes.length - from).flip();
        return decode(input, false);
    }

    /** What was kept back, as U+FFFD, when no token follows; the decoder then starts anew. */
    public String flush() {
        String rest = decode(ByteBuffer.wrap(pending), true);
        decoder.reset();
        afterBegin = false;
        return rest;
    }

    private String decode(ByteBuffer input, boolean end) {
        CharBuffer text = CharBuffer.allocate(input.remaining() + 1);
        decoder.decode(input, text, end);
        if (end) {
            decoder.flush(text);
        }
        pending = new byte[input.remaining()];
        input.get(pending);
        return text.flip().toString();
    }
}
