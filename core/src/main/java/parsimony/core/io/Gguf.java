package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import parsimony.core.ModelFormatException;
import parsimony.core.io.GgufMetadata.Kind;
import parsimony.core.io.GgufMetadata.Place;

/**
 * A GGUF file of version 2 or 3: metadata, descriptions of tensors, then their data at aligned offsets. Tensors of
 * any number format are listed; those that this laboratory cannot compute with are refused when they are asked for.
 *
 * @param path the file
 * @param version of the format
 * @param metadata what the file says about the model and its tokenizer
 * @param tensors by name, in the order of the file; shapes have the outermost dimension first, other than in the file
 *     itself
 */
public record Gguf(Path path, int version, GgufMetadata metadata, SequencedMap<String, StoredTensor> tensors) {
    static final int MAGIC = 0x46554747;
    static final int VERSION = 3;
    static final int DEFAULT_ALIGNMENT = 32;
    static final String ALIGNMENT = "general.alignment";

    private static final int MAXIMUM_RANK = 4;
    private static final int MAXIMUM_NAME = 64;
    private static final int MAXIMUM_KEY = 65_535;
    private static final int MAXIMUM_NESTING = 4;

    /**
     * Maps a file and reads its descriptions; arrays of the metadata stay in the file until they are asked for.
     *
     * @throws ModelFormatException if the file is not a well-formed GGUF file
     */
    public static Gguf open(Path file) throws IOException {
        return parse(MappedFile.open(file));
    }

    /** Whether a file begins like one of this format. */
    static boolean isGguf(Path file) throws IOException {
        MappedFile mapped = MappedFile.open(file);
        return mapped.size() >= 4 && mapped.bytes().get(ByteCursor.INT, 0) == MAGIC;
    }

    /** The tensor of that name, or a refusal. */
    public StoredTensor tensor(String name) throws ModelFormatException {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new ModelFormatException(path, -1, "there is no tensor " + MappedFile.quoted(name));
        }
        return tensor;
    }

    static Gguf parse(MappedFile file) throws ModelFormatException {
        ByteCursor cursor = new ByteCursor(file, 0);
        if (cursor.int32() != MAGIC) {
            throw file.malformed(0, "this is not a GGUF file");
        }
        int version = cursor.int32();
        if (version != 2 && version != VERSION) {
            throw file.malformed(
                    4,
                    Integer.reverseBytes(version) == VERSION
                            ? "big-endian GGUF files are not supported"
                            : "GGUF version " + Integer.toUnsignedString(version)
                                    + " is not supported; supported: 2, 3");
        }
        long tensorCount = cursor.count("tensors", 8 + 4 + 8 + 4 + 8);
        long valueCount = cursor.count("metadata values", 8 + 4 + 1);
        SequencedMap<String, Place> values = new LinkedHashMap<>();
        for (long i = 0; i < valueCount; i++) {
            long start = cursor.position();
            String key = cursor.string(MAXIMUM_KEY);
            Place place = readPlace(cursor, cursor.int32(), 0);
            if (values.put(key, place) != null) {
                throw file.malformed(start, "the metadata key " + MappedFile.quoted(key) + " occurs twice");
            }
        }
        GgufMetadata metadata = new GgufMetadata(file, values);
        return new Gguf(file.path(), version, metadata, readTensors(cursor, tensorCount, alignment(metadata)));
    }

    /** Notes where a value lies and steps over it. */
    private static Place readPlace(ByteCursor cursor, int id, int nesting) throws ModelFormatException {
        Kind kind = Kind.of(id);
        if (kind == null) {
            throw cursor.file().malformed(cursor.position() - 4, "there is no metadata type " + id);
        }
        long start = cursor.position();
        switch (kind) {
            case STRING -> cursor.skip(cursor.length());
            case ARRAY -> {
                if (nesting == MAXIMUM_NESTING) {
                    throw cursor.file().malformed(start, "arrays are nested too deeply");
                }
                return readArray(cursor, nesting);
            }
            case BOOL -> {
                if (cursor.int8() >>> 1 != 0) {
                    throw cursor.file().malformed(start, "a truth value is neither 0 nor 1");
                }
            }
            default -> cursor.skip(kind.bytes);
        }
        return new Place(kind, start, -1);
    }

    private static Place readArray(ByteCursor cursor, int nesting) throws ModelFormatException {
        int id = cursor.int32();
        Kind element = Kind.of(id);
        if (element == null) {
            throw cursor.file().malformed(cursor.position() - 4, "there is no metadata type " + id);
        }
        long count = cursor.count("array elements", element.bytes);
        long start = cursor.position();
        switch (element) {
            case STRING -> {
                for (long i = 0; i < count; i++) {
                    cursor.skip(cursor.length());
                }
            }
            case ARRAY -> {
                for (long i = 0; i < count; i++) {
                    readPlace(cursor, Kind.ARRAY.id(), nesting + 1);
                }
            }
            default -> cursor.skip(count * element.bytes);
        }
        return new Place(element, start, count);
    }

    private static int alignment(GgufMetadata metadata) throws ModelFormatException {
        int alignment = metadata.integer(ALIGNMENT, DEFAULT_ALIGNMENT);
        if (alignment < 8 || Integer.bitCount(alignment) != 1) {
            throw metadata.malformed(ALIGNMENT, "must be a power of two from 8 on, not " + alignment);
        }
        return alignment;
    }

    private static SequencedMap<String, StoredTensor> readTensors(ByteCursor cursor, long count, int alignment)
            throws ModelFormatException {
        MappedFile file = cursor.file();
        List<Description> descriptions = new ArrayList<>();
        for (long i = 0; i < count; i++) {
            descriptions.add(readDescription(cursor, alignment));
        }
        long dataStart = Math.ceilDiv(cursor.position(), alignment) * alignment;
        SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
        for (Description description : descriptions) {
            if (tensors.put(description.name, description.tensor(file, dataStart)) != null) {
                throw file.malformed(
                        description.place, "the tensor name " + MappedFile.quoted(description.name) + " occurs twice");
            }
        }
        requireDisjoint(tensors);
        return tensors;
    }

    private static Description readDescription(ByteCursor cursor, int alignment) throws ModelFormatException {
        MappedFile file = cursor.file();
        long place = cursor.position();
        String name = cursor.string(MAXIMUM_NAME);
        int rank = cursor.int32();
        if (rank < 1 || rank > MAXIMUM_RANK) {
            throw file.malformed(
                    place,
                    "tensor " + MappedFile.quoted(name) + " has " + Integer.toUnsignedString(rank)
                            + " dimensions (limit: " + MAXIMUM_RANK + ")");
        }
        List<Long> shape = new ArrayList<>();
        for (int i = 0; i < rank; i++) {
            long dimension = cursor.int64();
            if (dimension < 0) {
                throw file.malformed(
                        place,
                        "tensor " + MappedFile.quoted(name) + " has an absurd dimension of "
                                + Long.toUnsignedString(dimension));
            }
            shape.addFirst(dimension);
        }
        int type = cursor.int32();
        long offset = cursor.int64();
        if (offset < 0 || offset % alignment != 0) {
            throw file.malformed(
                    place,
                    "tensor " + MappedFile.quoted(name) + " lies at " + Long.toUnsignedString(offset)
                            + ", which is no multiple of " + alignment);
        }
        return new Description(place, name, shape, type, offset);
    }

    private static void requireDisjoint(Map<String, StoredTensor> tensors) throws ModelFormatException {
        List<StoredTensor> inOrder = new ArrayList<>(tensors.values());
        inOrder.removeIf(tensor -> tensor.data() == null || tensor.data().byteSize() == 0);
        inOrder.sort(Comparator.comparingLong(StoredTensor::offset));
        for (int i = 1; i < inOrder.size(); i++) {
            StoredTensor before = inOrder.get(i - 1);
            if (inOrder.get(i).offset() - before.offset() < before.data().byteSize()) {
                throw inOrder.get(i).malformed("overlaps tensor " + MappedFile.quoted(before.name()));
            }
        }
    }

    /** A tensor's description before the place of the data is known. */
    private record Description(long place, String name, List<Long> shape, int type, long offset) {
        StoredTensor tensor(MappedFile file, long dataStart) throws ModelFormatException {
            // Both are checked not to be negative, so a sum that is means an overflow.
            long start = dataStart + offset;
            if (start < 0 || start > file.size()) {
                throw file.malformed(
                        place,
                        "tensor " + MappedFile.quoted(name) + " lies at " + offset
                                + " of the data, behind the file's end");
            }
            GgufType known = GgufType.of(type);
            if (known == null) {
                return new StoredTensor(file.path(), name, "ggml type " + type, shape, start, null);
            }
            long columns = shape.getLast();
            if (columns % known.blockWeights() != 0) {
                throw file.malformed(
                        place,
                        "tensor " + MappedFile.quoted(name) + " has rows of " + columns + ", no multiple of " + known
                                + "'s block of " + known.blockWeights());
            }
            long bytes = bytes(known, file.size() - start);
            if (bytes < 0) {
                throw file.malformed(
                        place,
                        "tensor " + MappedFile.quoted(name) + " of shape " + shape + " in " + known + " at " + start
                                + " does not fit a file of " + file.size() + " bytes");
            }
            MemorySegment data = file.bytes().asSlice(start, bytes);
            return new StoredTensor(file.path(), name, known.name(), shape, start, data);
        }

        /** The size of the data, or −1 if it exceeds {@code limit}. */
        private long bytes(GgufType known, long limit) {
            if (shape.contains(0L)) {
                return 0;
            }
            long blocks = 1;
            for (int i = 0; i < shape.size(); i++) {
                long dimension = shape.get(i) / (i == shape.size() - 1 ? known.blockWeights() : 1);
                if (dimension > limit / known.blockBytes() / blocks) {
                    return -1;
                }
                blocks *= dimension;
            }
            return blocks * known.blockBytes();
        }
    }
}
