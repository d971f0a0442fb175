package parsimony.core.text;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;

/**
 * A corpus as one file of token ids, from which training reads sequences of any length in an order that depends on
 * nothing but the file, so that a run can stop and go on at any step, and change its context length on the way.
 *
 * <p>Sequences are made as follows. A document's tokens (the end token is its last) are cut into chunks of
 * {@code context} tokens, which are the targets; the inputs are the same tokens one place later behind a beginning token.
 * What remains at the end of each document is put together, in the order of the documents, into rows of {@code context}
 * targets; there, too, every new document and every row begins with a beginning token as input. So each token of the
 * corpus is a target exactly once per pass, no target is a beginning token, and only the last row is filled up, its spare
 * targets being −1. Passes differ in the order of the sequences.
 *
 * <p>The file, little-endian: {@code PARSTOK1}, vocabulary size (int), beginning token (int), documents (long), tokens
 * (long), seed (long), SHA-256 of the corpus (32 bytes); the tokens (unsigned shorts), padded to 8 bytes; the document
 * starts and the end of the last one (long each).
 *
 * <p>Reading is safe from several threads.
 */
public final class TokenFile implements AutoCloseable {
    private static final byte[] MAGIC = {'P', 'A', 'R', 'S', 'T', 'O', 'K', '1'};
    private static final int HEADER_BYTES = 72;
    private static final int LARGEST_VOCABULARY = 1 << 16;
    private static final int DIGEST_BYTES = 32;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Arena arena;
    private final MemorySegment tokens;
    private final int vocabularySize;
    private final int beginOfSequence;
    private final long seed;
    private final String corpusSha256;
    private final long[] starts;
    private final Map<Integer, Layout> layouts = new ConcurrentHashMap<>();

    /** How the documents lie in sequences of one context length; the last entries are the sums over all documents. */
    private static final class Layout {
        /** Whole chunks before each document. */
        private final long[] chunks;
        /** Tokens remaining after the chunks of all documents before each document. */
        private final long[] remainders;

        Layout(long[] starts, int context) {
            chunks = new long[starts.length];
            remainders = new long[starts.length];
            for (int i = 1; i < starts.length; i++) {
                long length = starts[i] - starts[i - 1];
                chunks[i] = chunks[i - 1] + length / context;
                remainders[i] = remainders[i - 1] + length % context;
            }
        }

        long allChunks() {
            return chunks[chunks.length - 1];
        }

        long allRemainders() {
            return remainders[remainders.length - 1];
        }
    }

    private TokenFile(Arena arena, Path file, MemorySegment mapped) throws ModelFormatException {
        this.arena = arena;
        long size = mapped.byteSize();
        if (size < HEADER_BYTES
                || !Arrays.equals(MAGIC, mapped.asSlice(0, MAGIC.length).toArray(ValueLayout.JAVA_BYTE))) {
            throw new ModelFormatException(file, 0, "is not a file of tokens; build it anew");
        }
        vocabularySize = mapped.get(INT, 8);
        beginOfSequence = mapped.get(INT, 12);
        long documents = mapped.get(LONG, 16);
        long count = mapped.get(LONG, 24);
        seed = mapped.get(LONG, 32);
        corpusSha256 = HexFormat.of().formatHex(mapped.asSlice(40, DIGEST_BYTES).toArray(ValueLayout.JAVA_BYTE));
        if (vocabularySize < 1 || vocabularySize > LARGEST_VOCABULARY) {
            throw new ModelFormatException(file, 8, "has an impossible vocabulary size, " + vocabularySize);
        }
        if (beginOfSequence < 0 || beginOfSequence >= vocabularySize) {
            throw new ModelFormatException(file, 12, "has an impossible beginning token, " + beginOfSequence);
        }
        if (documents < 1 || documents >= size / Long.BYTES || documents >= Integer.MAX_VALUE) {
            throw new ModelFormatException(file, 16, "has an impossible number of documents, " + documents);
        }
        if (count < 1 || count > size / Short.BYTES) {
            throw new ModelFormatException(file, 24, "has an impossible number of tokens, " + count);
        }
        long startsOffset = startsOffset(count);
        if (size != startsOffset + (documents + 1) * Long.BYTES) {
            throw new ModelFormatException(file, size, "is not as long as its header says; build it anew");
        }
        tokens = mapped.asSlice(HEADER_BYTES, count * Short.BYTES);
        starts = mapped.asSlice(startsOffset).toArray(LONG);
        for (int i = 0; i <= documents; i++) {
            long least = i == 0 ? 0 : starts[i - 1];
            boolean outside = i == 0 ? starts[i] != 0 : i == documents ? starts[i] != count : starts[i] > count;
            if (outside || starts[i] < least) {
                throw new ModelFormatException(
                        file, startsOffset + (long) i * Long.BYTES, "has a document that starts at token " + starts[i]);
            }
        }
        for (long i = 0; i < count; i++) {
            if (token(i) >= vocabularySize) {
                throw new ModelFormatException(
                        file,
                        HEADER_BYTES + i * Short.BYTES,
                        "has token " + token(i) + " in a vocabulary of " + vocabularySize);
            }
        }
    }

    /**
     * Encodes a corpus into a file, its documents in an order drawn with the seed, each ended by the tokenizer's end
     * token where it has one. The file appears whole or not at all.
     *
     * @throws IllegalArgumentException when the tokenizer has no beginning token or more than 65,536 tokens, or the
     *     corpus is empty
     */
    public static void build(Corpus corpus, Tokenizer tokenizer, Path file, long seed) throws IOException {
        if (tokenizer.size() > LARGEST_VOCABULARY) {
            throw new IllegalArgumentException("the tokenizer has " + tokenizer.size()
                    + " tokens; a token file holds ids" + " below " + LARGEST_VOCABULARY);
        }
        if (tokenizer.beginOfSequence() < 0) {
            throw new IllegalArgumentException("the tokenizer has no token that begins a sequence; training needs one");
        }
        if (corpus.documents().isEmpty()) {
            throw new IllegalArgumentException("the corpus has no documents");
        }
        List<Corpus.Document> documents = new ArrayList<>(corpus.documents());
        Collections.shuffle(documents, new Random(seed));
        AtomicFile.write(file, channel -> write(channel, corpus, documents, tokenizer, seed));
    }

    private static void write(
            FileChannel channel, Corpus corpus, List<Corpus.Document> documents, Tokenizer tokenizer, long seed)
            throws IOException {
        channel.position(HEADER_BYTES);
        ByteBuffer starts = littleEndian((documents.size() + 1) * Long.BYTES);
        long count = 0;
        for (Corpus.Document document : documents) {
            starts.putLong(count);
            int[] ids = tokenizer.encode(document.text(), false);
            boolean ended = tokenizer.endOfSequence() >= 0;
            ByteBuffer buffer = littleEndian((ids.length + 1) * Short.BYTES);
            for (int id : ids) {
                buffer.putShort((short) id);
            }
            if (ended) {
                buffer.putShort((short) tokenizer.endOfSequence());
            }
            count += buffer.position() / Short.BYTES;
            AtomicFile.writeFully(channel, buffer.flip());
        }
        starts.putLong(count);
        channel.position(startsOffset(count));
        AtomicFile.writeFully(channel, starts.flip());
        ByteBuffer header = littleEndian(HEADER_BYTES)
                .put(MAGIC)
                .putInt(tokenizer.size())
                .putInt(tokenizer.beginOfSequence())
                .putLong(documents.size())
                .putLong(count)
                .putLong(seed)
                .put(HexFormat.of().parseHex(corpus.sha256()));
        channel.position(0);
        AtomicFile.writeFully(channel, header.flip());
    }

    private static ByteBuffer littleEndian(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static long startsOffset(long tokens) {
        return (HEADER_BYTES + tokens * Short.BYTES + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
    }

    /**
     * Maps a file that {@link #build} wrote.
     *
     * @throws ModelFormatException when it is not such a file, or is damaged
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena lives until close()
    public static TokenFile open(Path file) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
            return new TokenFile(arena, file, mapped);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** How many different tokens there may be. */
    public int vocabularySize() {
        return vocabularySize;
    }

    /** How many documents there are. */
    public int documents() {
        return starts.length - 1;
    }

    /** How many tokens the corpus has, end tokens included, beginning tokens not: the targets of one pass. */
    public long tokens() {
        return starts[starts.length - 1];
    }

    /** {@link Corpus#sha256} of the corpus encoded. */
    public String corpusSha256() {
        return corpusSha256;
    }

    /** The tokens of one document, without a beginning token. */
    public int[] document(int index) {
        int[] ids = new int[Math.toIntExact(starts[index + 1] - starts[index])];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = token(starts[index] + i);
        }
        return ids;
    }

    /** How many sequences one pass over the corpus has. */
    public long sequences(int context) {
        Layout layout = layout(context);
        return layout.allChunks() + (layout.allRemainders() + context - 1) / context;
    }

    /**
     * Reads one sequence of the endless order of training: sequence 0 is the first of the first pass, and
     * {@link #sequences} the first of the second one, which has the same sequences in another order.
     *
     * @param sequence at least 0
     * @param context tokens per sequence, at least 1
     * @param inputs takes the inputs in its first {@code context} places
     * @param targets takes the tokens to be predicted in its first {@code context} places, −1 where there is none
     */
    public void read(long sequence, int context, int[] inputs, int[] targets) {
        if (sequence < 0 || inputs.length < context || targets.length < context) {
            throw new IllegalArgumentException("sequence " + sequence + " of " + context + " tokens does not fit "
                    + inputs.length + " inputs and " + targets.length + " targets");
        }
        Layout layout = layout(context);
        long count = sequences(context);
        long row = permute(sequence % count, count, seed + sequence / count);
        if (row < layout.allChunks()) {
            int document = indexBelow(layout.chunks, row);
            readRun(starts[document] + (row - layout.chunks[document]) * context, 0, context, inputs, targets);
        } else {
            readRemainders(layout, (row - layout.allChunks()) * context, context, inputs, targets);
        }
    }

    private void readRemainders(Layout layout, long first, int context, int[] inputs, int[] targets) {
        int filled = 0;
        int document = indexBelow(layout.remainders, first);
        while (filled < context && first + filled < layout.allRemainders()) {
            long skipped = first + filled - layout.remainders[document];
            long length = layout.remainders[document + 1] - layout.remainders[document];
            int taken = (int) Math.min(context - filled, length - skipped);
            readRun(starts[document + 1] - length + skipped, filled, taken, inputs, targets);
            filled += taken;
            document++;
        }
        Arrays.fill(inputs, filled, context, beginOfSequence);
        Arrays.fill(targets, filled, context, -1);
    }

    /** Successive tokens as targets, and behind a beginning token as inputs. */
    private void readRun(long start, int at, int length, int[] inputs, int[] targets) {
        int previous = beginOfSequence;
        for (int i = 0; i < length; i++) {
            inputs[at + i] = previous;
            previous = token(start + i);
            targets[at + i] = previous;
        }
    }

    private int token(long index) {
        return Short.toUnsignedInt(tokens.getAtIndex(SHORT, index));
    }

    private Layout layout(int context) {
        if (context < 1) {
            throw new IllegalArgumentException("context must be at least 1, but is " + context);
        }
        return layouts.computeIfAbsent(context, _ -> new Layout(starts, context));
    }

    /** The last index whose value is at most {@code value}, among ascending values of which the last is above it. */
    private static int indexBelow(long[] values, long value) {
        int low = 0;
        int high = values.length - 1;
        while (high - low > 1) {
            int middle = (low + high) >>> 1;
            if (values[middle] <= value) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * A place in a pseudo-random order of 0 … count − 1, found without storing the order: a four-round Feistel network
     * permutes the numbers of the least even number of bits that holds them all, and is walked on until the result is
     * one of them.
     */
    static long permute(long index, long count, long key) {
        int half = (Math.max(2, 64 - Long.numberOfLeadingZeros(count - 1)) + 1) / 2;
        long mask = (1L << half) - 1;
        long value = index;
        do {
            long left = value >>> half;
            long right = value & mask;
            for (int round = 0; round < 4; round++) {
                long mixed = left ^ (mix(right + mix(key + round)) & mask);
                left = right;
                right = mixed;
            }
            value = left << half | right;
        } while (value >= count);
        return value;
    }

    /** The finalizer of SplitMix64 (Steele et al. 2014). */
    private static long mix(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }

    /** Unmaps the file. */
    @Override
    public void close() {
        arena.close();
    }
}
