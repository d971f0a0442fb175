package parsimony.core.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StreamingDecoderTest {
    /** Ids 0 to 255 are bytes; 256 begins a sequence; 257 is a word with a space before. */
    private record Bytes(boolean addsLeadingSpace) implements Tokenizer {
        @Override
        public int[] encode(String text, boolean beginOfSequence) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            int[] ids = new int[bytes.length];
            for (int i = 0; i < ids.length; i++) {
                ids[i] = bytes[i] & 0xFF;
            }
            return ids;
        }

        @Override
        public byte[] bytesOf(int id) {
            return id == 257 ? new byte[] {' ', 'w'} : id == 256 ? new byte[0] : new byte[] {(byte) id};
        }

        @Override
        public int beginOfSequence() {
            return 256;
        }

        @Override
        public int endOfSequence() {
            return -1;
        }

        @Override
        public int size() {
            return 258;
        }
    }

    private final Tokenizer bytes = new Bytes(false);
    private final StreamingDecoder decoder = new StreamingDecoder(bytes);

    @Test
    void keepsBackHalfCharacters() {
        String text = "aé€🙂";
        int[] ids = bytes.encode(text, false);
        String[] expected = {"a", "", "é", "", "", "€", "", "", "", "🙂"};

        for (int i = 0; i < ids.length; i++) {
            assertThat(decoder.push(ids[i])).isEqualTo(expected[i]);
        }
        assertThat(decoder.flush()).isEmpty();
    }

    @Test
    void replacesWhatStaysIncompleteAndStartsAnew() {
        assertThat(decoder.push(0xF0)).isEmpty();
        assertThat(decoder.push(0x9F)).isEmpty();
        assertThat(decoder.flush()).isEqualTo("\uFFFD");
        assertThat(decoder.push('a')).isEqualTo("a");
    }

    @Test
    void replacesBytesThatCannotBeText() {
        assertThat(decoder.push(0xFF)).isEqualTo("\uFFFD");
        assertThat(decoder.push(0xC3)).isEmpty();
        assertThat(decoder.push('a')).isEqualTo("\uFFFDa");
    }

    @Test
    void givesTheSameAsDecodingAtOnce() {
        Random random = new Random(3);
        for (int round = 0; round < 500; round++) {
            int[] ids = random.ints(20, 0, 256)
                    .map(b -> random.nextInt(3) == 0 ? 0xE2 : random.nextInt(2) == 0 ? 0x80 + b % 64 : b)
                    .toArray();
            StringBuilder streamed = new StringBuilder();
            for (int id : ids) {
                streamed.append(decoder.push(id));
            }
            streamed.append(decoder.flush());
            assertThat(streamed.toString()).isEqualTo(bytes.decode(ids));
        }
    }

    @Test
    void takesTheLeadingSpaceAwayOnlyAtTheBeginningOfASequence() {
        StreamingDecoder spaced = new StreamingDecoder(new Bytes(true));
        assertThat(spaced.push(257)).isEqualTo(" w");
        assertThat(spaced.push(256)).isEmpty();
        assertThat(spaced.push(257)).isEqualTo("w");
        assertThat(spaced.push(257)).isEqualTo(" w");

        assertThat(decoder.push(256)).isEmpty();
        assertThat(decoder.push(257)).isEqualTo(" w");
    }
}
