package parsimony.core.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import parsimony.core.ModelFormatException;

/**
 * What a GGUF file says about its model, under keys such as {@code llama.block_count} and
 * {@code tokenizer.ggml.tokens}. Values are read from the mapped file when they are asked for.
 */
public final class GgufMetadata {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE =
            ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MappedFile file;
    private final SequencedMap<String, Place> values;

    GgufMetadata(MappedFile file, SequencedMap<String, Place> values) {
        this.file = file;
        this.values = values;
    }

    /** The format's types of values in the order of their numbers; {@code bytes} is the least that one takes. */
    enum Kind {
        UINT8(1),
        INT8(1),
        UINT16(2),
        INT16(2),
        UINT32(4),
        INT32(4),
        FLOAT32(4),
        BOOL(1),
        STRING(8),
        ARRAY(12),
        UINT64(8),
        INT64(8),
        FLOAT64(8);

        private static final List<Kind> ALL = List.of(values());

        final int bytes;

        Kind(int bytes) {
            this.bytes = bytes;
        }

        int id() {
            return ALL.indexOf(this);
        }

        /** The kind of that number, or null. */
        static Kind of(int id) {
            return id < 0 || id >= ALL.size() ? null : ALL.get(id);
        }
    }

    /**
     * Where a value lies in the file.
     *
     * @param kind of the value, or of an array's elements
     * @param start its first byte
     * @param count of an array's elements; −1 for a single value
     */
    record Place(Kind kind, long start, long count) {}

    /** All keys, in the order of the file. */
    public Set<String> keys() {
        return Collections.unmodifiableSet(values.keySet());
    }

    public boolean has(String key) {
        return values.containsKey(key);
    }

    /**
     * A value, or null if there is none: an {@code Integer} or {@code Long}, a {@code Float} or {@code Double}, a
     * {@code Boolean}, a {@code String}; for arrays an {@code int[]} or {@code long[]}, a {@code float[]} or
     * {@code double[]}, a {@code boolean[]}, a {@code List<String>}. Unsigned numbers become the wider type where
     * they need it.
     *
     * @throws ModelFormatException for arrays of arrays and numbers beyond 63 bits
     */
    public Object get(String key) throws ModelFormatException {
        Place place = values.get(key);
        if (place == null) {
            return null;
        }
        return place.count < 0 ? single(key, place) : array(key, place);
    }

    /** The text under a key, or a refusal. */
    public String string(String key) throws ModelFormatException {
        if (required(key) instanceof String text) {
            return text;
        }
        throw malformed(key, "must be a text");
    }

    /** The whole number under a key, or a refusal. */
    public int integer(String key) throws ModelFormatException {
        if (required(key) instanceof Integer number) {
            return number;
        }
        throw malformed(key, "must be a whole number of 31 bits");
    }

    /** The whole number under a key, or {@code otherwise} if there is none. */
    public int integer(String key, int otherwise) throws ModelFormatException {
        return has(key) ? integer(key) : otherwise;
    }

    /** The number under a key, or a refusal. */
    public double real(String key) throws ModelFormatException {
        if (required(key) instanceof Number number) {
            return number.doubleValue();
        }
        throw malformed(key, "must be a number");
    }

    /** The number under a key, or {@code otherwise} if there is none. */
    public double real(String key, double otherwise) throws ModelFormatException {
        return has(key) ? real(key) : otherwise;
    }

    /** The truth value under a key, or {@code otherwise} if there is none. */
    public boolean truth(String key, boolean otherwise) throws ModelFormatException {
        if (!has(key)) {
            return otherwise;
        }
        if (get(key) instanceof Boolean truth) {
            return truth;
        }
        throw malformed(key, "must be a truth value");
    }

    /** The texts under a key, or a refusal. */
    public List<String> strings(String key) throws ModelFormatException {
        Place place = requireArray(key);
        if (place.kind != Kind.STRING) {
            throw malformed(key, "must be a list of texts");
        }
        return texts(place);
    }

    /** The whole numbers under a key, or a refusal. */
    public int[] integers(String key) throws ModelFormatException {
        if (array(key, requireArray(key)) instanceof int[] numbers) {
            return numbers;
        }
        throw malformed(key, "must be a list of whole numbers of 31 bits");
    }

    /** The 32-bit floats under a key, or a refusal. */
    public float[] floats(String key) throws ModelFormatException {
        if (array(key, requireArray(key)) instanceof float[] numbers) {
            return numbers;
        }
        throw malformed(key, "must be a list of 32-bit floats");
    }

    /**
     * All values whose keys begin with {@code prefix}, such as {@code tokenizer.}, as {@link GgufExport#save} takes
     * them.
     */
    public Map<String, Object> startingWith(String prefix) throws ModelFormatException {
        Map<String, Object> found = new LinkedHashMap<>();
        for (String key : values.keySet()) {
            if (key.startsWith(prefix)) {
                found.put(key, get(key));
            }
        }
        return found;
    }

    ModelFormatException malformed(String key, String reason) {
        Place place = values.get(key);
        return file.malformed(place == null ? -1 : place.start, "the metadata value " + key + " " + reason);
    }

    ModelFormatException unsupportedArchitecture(String key, String name) {
        return ModelAssembly.unsupportedArchitecture(file.path(), values.get(key).start, name);
    }

    private Object required(String key) throws ModelFormatException {
        Object value = get(key);
        if (value == null) {
            throw malformed(key, "is missing");
        }
        return value;
    }

    private Place requireArray(String key) throws ModelFormatException {
        Place place = values.get(key);
        if (place == null || place.count < 0) {
            throw malformed(key, place == null ? "is missing" : "must be a list");
        }
        return place;
    }

    private Object single(String key, Place place) throws ModelFormatException {
        MemorySegment bytes = file.bytes();
        return switch (place.kind) {
            case STRING -> text(place.start);
            case BOOL -> bytes.get(ValueLayout.JAVA_BYTE, place.start) != 0;
            case FLOAT32 -> bytes.get(FLOAT, place.start);
            case FLOAT64 -> bytes.get(DOUBLE, place.start);
            default -> {
                long number = whole(key, place, place.start);
                if (number == (int) number) {
                    yield (int) number;
                }
                yield number;
            }
        };
    }

    private Object array(String key, Place place) throws ModelFormatException {
        int count = count(key, place);
        MemorySegment bytes = file.bytes();
        return switch (place.kind) {
            case STRING -> texts(place);
            case ARRAY -> throw malformed(key, "is a list of lists, which is not supported");
            case FLOAT32 -> bytes.asSlice(place.start, 4L * count).toArray(FLOAT);
            case FLOAT64 -> bytes.asSlice(place.start, 8L * count).toArray(DOUBLE);
            case BOOL -> {
                boolean[] truths = new boolean[count];
                for (int i = 0; i < count; i++) {
                    truths[i] = bytes.get(ValueLayout.JAVA_BYTE, place.start + i) != 0;
                }
                yield truths;
            }
            default -> {
                long[] wide = new long[count];
                int[] narrow = new int[count];
                boolean fits = true;
                for (int i = 0; i < count; i++) {
                    wide[i] = whole(key, place, place.start + (long) i * place.kind.bytes);
                    narrow[i] = (int) wide[i];
                    fits &= narrow[i] == wide[i];
                }
                yield fits ? narrow : wide;
            }
        };
    }

    private int count(String key, Place place) throws ModelFormatException {
        if (place.count > Integer.MAX_VALUE - 8) {
            throw malformed(key, "is a list of " + place.count + " elements, which are too many");
        }
        return (int) place.count;
    }

    private long whole(String key, Place place, long position) throws ModelFormatException {
        MemorySegment bytes = file.bytes();
        return switch (place.kind) {
            case UINT8 -> bytes.get(ValueLayout.JAVA_BYTE, position) & 0xff;
            case INT8 -> bytes.get(ValueLayout.JAVA_BYTE, position);
            case UINT16 -> bytes.get(SHORT, position) & 0xffff;
            case INT16 -> bytes.get(SHORT, position);
            case UINT32 -> Integer.toUnsignedLong(bytes.get(ByteCursor.INT, position));
            case INT32 -> bytes.get(ByteCursor.INT, position);
            case INT64 -> bytes.get(ByteCursor.LONG, position);
            case UINT64 -> {
                long number = bytes.get(ByteCursor.LONG, position);
                if (number < 0) {
                    throw malformed(key, "exceeds 63 bits");
                }
                yield number;
            }
            default -> throw malformed(key, "is no whole number");
        };
    }

    private List<String> texts(Place place) throws ModelFormatException {
        List<String> texts = new ArrayList<>();
        long position = place.start;
        for (long i = 0; i < place.count; i++) {
            texts.add(text(position));
            position += 8 + file.bytes().get(ByteCursor.LONG, position);
        }
        return texts;
    }

    private String text(long position) throws ModelFormatException {
        return new ByteCursor(file, position).string(Integer.MAX_VALUE - 8);
    }
}
