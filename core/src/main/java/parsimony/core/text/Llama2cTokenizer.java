package parsimony.core.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;

/**
 * The {@code tokenizer.bin} of llama2.c: SentencePiece's pieces with their scores. The file has the length of the longest
 * piece (int), then for each token its score (float), its length (int) and its bytes, little-endian, with spaces written
 * as spaces. Token 0 is unknown, 1 begins and 2 ends a sequence, and the bytes follow from 3 on.
 *
 * <p>A text that is not empty is encoded with a space before it.
 */
public final class Llama2cTokenizer implements Tokenizer {
    private static final int BEGIN = 1;
    private static final int END = 2;
    private static final int FIRST_BYTE = 3;
    private static final int SMALLEST_VOCABULARY = FIRST_BYTE + 256;
    private static final long LARGEST_FILE = 64 << 20;

    private final Map<String, Integer> ids;
    private final SentencePiece pieces;
    private final byte[][] bytes;
    private final float[] scores;

    private Llama2cTokenizer(List<byte[]> tokens, float[] scores) {
        this.scores = scores;
        bytes = new byte[tokens.size()][];
        ids = new HashMap<>();
        for (int id = 0; id < bytes.length; id++) {
            String piece = new String(tokens.get(id), StandardCharsets.UTF_8);
            boolean text = id >= SMALLEST_VOCABULARY;
            bytes[id] = text ? tokens.get(id) : id < FIRST_BYTE ? new byte[0] : new byte[] {(byte) (id - FIRST_BYTE)};
            if (text) {
                ids.putIfAbsent(piece, id);
            }
        }
        pieces = new SentencePiece(
                ids, scores, IntStream.range(FIRST_BYTE, SMALLEST_VOCABULARY).toArray());
    }

    /**
     * Reads a tokenizer.
     *
     * @throws ModelFormatException when the file is malformed
     * @throws IOException when it cannot be read
     */
    public static Llama2cTokenizer open(Path file) throws IOException {
        if (Files.size(file) > LARGEST_FILE) {
            throw new ModelFormatException(file, 0, "is too large for a llama2.c tokenizer; is it the model?");
        }
        ByteBuffer content = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        if (content.remaining() < Integer.BYTES) {
            throw new ModelFormatException(file, 0, "is too short for a llama2.c tokenizer");
        }
        int longest = content.getInt();
        if (longest < 1 || longest > content.remaining()) {
            throw new ModelFormatException(
                    file, 0, "is not a llama2.c tokenizer: its longest piece has " + longest + " bytes");
        }
        List<byte[]> tokens = new ArrayList<>();
        List<Float> scores = new ArrayList<>();
        while (content.hasRemaining()) {
            int offset = content.position();
            if (content.remaining() < Float.BYTES + Integer.BYTES) {
                throw new ModelFormatException(file, offset, "ends within token " + tokens.size());
            }
            float score = content.getFloat();
            int length = content.getInt();
            if (length < 0 || length > longest || length > content.remaining() || Float.isNaN(score)) {
                throw new ModelFormatException(
                        file,
                        offset,
                        "has a malformed token " + tokens.size() + " of " + length + " bytes with score " + score);
            }
            byte[] token = new byte[length];
            content.get(token);
            tokens.add(token);
            scores.add(score);
        }
        if (tokens.size() < SMALLEST_VOCABULARY) {
            throw new ModelFormatException(
                    file,
                    content.position(),
                    "has only " + tokens.size() + " tokens; a llama2.c tokenizer has at least " + SMALLEST_VOCABULARY);
        }
        float[] scoreById = new float[scores.size()];
        for (int id = 0; id < scoreById.length; id++) {
            scoreById[id] = scores.get(id);
        }
        return new Llama2cTokenizer(tokens, scoreById);
    }

    /** The same tokens as a GGUF file has them. */
    GgufTokenizer.Vocabulary vocabulary() {
        List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
        List<Integer> types =
                new ArrayList<>(List.of(GgufTokenizer.UNKNOWN, GgufTokenizer.CONTROL, GgufTokenizer.CONTROL));
        List<Float> scoreById = new ArrayList<>();
        for (int id = 0; id < bytes.length; id++) {
            scoreById.add(scores[id]);
            if (id >= SMALLEST_VOCABULARY) {
                tokens.add(new String(bytes[id], StandardCharsets.UTF_8).replace(' ', SentencePiece.SPACE));
                types.add(GgufTokenizer.NORMAL);
            } else if (id >= FIRST_BYTE) {
                tokens.add(String.format("<0x%02X>", id - FIRST_BYTE));
                types.add(GgufTokenizer.BYTE);
            }
        }
        return new GgufTokenizer.Vocabulary(
                Path.of("tokenizer.bin"), "llama", "", tokens, scoreById, types, List.of(), BEGIN, END, true);
    }

    @Override
    public int[] encode(String text, boolean beginOfSequence) {
        IntStream.Builder tokens = IntStream.builder();
        if (beginOfSequence) {
            tokens.add(BEGIN);
        }
        if (!text.isEmpty()) {
            String spaced = " " + text;
            // Characters without a token are spelled in bytes before anything is joined, and are never joined.
            int known = 0;
            for (int at = 0; at < spaced.length(); ) {
                int character = spaced.codePointAt(at);
                int end = at + Character.charCount(character);
                if (!ids.containsKey(spaced.substring(at, end))) {
                    pieces.encode(spaced.substring(known, at), tokens);
                    pieces.encode(spaced.substring(at, end), tokens);
                    known = end;
                }
                at = end;
            }
            pieces.encode(spaced.substring(known), tokens);
        }
        return tokens.build().toArray();
    }

    @Override
    public byte[] bytesOf(int id) {
        return bytes[id].clone();
    }

    @Override
    public int beginOfSequence() {
        return BEGIN;
    }

    @Override
    public int endOfSequence() {
        return END;
    }

    @Override
    public int size() {
        return bytes.length;
    }

    @Override
    public boolean addsLeadingSpace() {
        return true;
    }
}
