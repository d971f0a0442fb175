package parsimony.core.io;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import parsimony.core.ModelFormatException;

/** Reads little-endian numbers from a mapped file, one after the other, and never beyond its end. */
final class ByteCursor {
    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MappedFile file;
    private long position;

    ByteCursor(MappedFile file, long position) {
        this.file = file;
        this.position = position;
    }

    MappedFile file() {
        return file;
    }

    long position() {
        return position;
    }

    int int8() throws ModelFormatException {
        return file.bytes().get(ValueLayout.JAVA_BYTE, advance(1)) & 0xff;
    }

    int int32() throws ModelFormatException {
        return file.bytes().get(INT, advance(4));
    }

    long int64() throws ModelFormatException {
        return file.bytes().get(LONG, advance(8));
    }

    /** A 64-bit length of bytes that follow. */
    long length() throws ModelFormatException {
        return count("bytes", 1);
    }

    /** A 64-bit number of things of at least {@code leastBytes} each, which the rest of the file must have room for. */
    long count(String things, int leastBytes) throws ModelFormatException {
        long place = position;
        long count = int64();
        if (count < 0 || count > (file.size() - position) / leastBytes) {
            throw file.malformed(
                    place, "the rest of the file has no room for " + Long.toUnsignedString(count) + " " + things);
        }
        return count;
    }

    /** A text after its 64-bit length. */
    String string(int limit) throws ModelFormatException {
        long place = position;
        long length = length();
        if (length > limit) {
            throw file.malformed(place, "a name of " + length + " bytes is too long (limit: " + limit + ")");
        }
        return file.utf8(advance(length), (int) length);
    }

    void skip(long bytes) throws ModelFormatException {
        advance(bytes);
    }

    private long advance(long bytes) throws ModelFormatException {
        if (bytes > file.size() - position) {
            throw file.malformed(position, "the file ends too early");
        }
        long before = position;
        position += bytes;
        return before;
    }
}
