package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;

/** Which weights of a matrix are kept: one bit each, the first input in the lowest bit of a byte, each row filled up to bytes. */
final class RowMask {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private RowMask() {}

    static long rowBytes(int columns) {
        return (columns + 7L) / 8;
    }

    /** @param kept positions {@code row · columns + column} */
    static MemorySegment of(BitSet kept, int rows, int columns) {
        long rowBytes = rowBytes(columns);
        MemorySegment mask = NativeMemory.allocate(rows * rowBytes);
        for (int row = 0; row < rows; row++) {
            byte[] bits = kept.get(row * columns, (row + 1) * columns).toByteArray();
            MemorySegment.copy(bits, 0, mask, ValueLayout.JAVA_BYTE, row * rowBytes, bits.length);
        }
        return mask;
    }

    /** Where each row begins among the kept weights, and where the last one ends. */
    static MemorySegment starts(BitSet kept, int rows, int columns) {
        MemorySegment starts = NativeMemory.allocate(4L * (rows + 1));
        int count = 0;
        for (int row = 0; row < rows; row++) {
            count += kept.get(row * columns, (row + 1) * columns).cardinality();
            starts.setAtIndex(INT, row + 1, count);
        }
        return starts;
    }

    /** Returns the number of kept weights, or throws a sentence. */
    static int checkStarts(MemorySegment starts, int rows) {
        if (starts.byteSize() != 4L * (rows + 1L)) {
            throw new IllegalArgumentException(
                    starts.byteSize() + " bytes do not hold the starts of " + rows + " rows");
        }
        int last = starts.getAtIndex(INT, 0);
        if (last != 0) {
            throw new IllegalArgumentException("the first row begins at weight " + last);
        }
        for (int row = 0; row < rows; row++) {
            int end = starts.getAtIndex(INT, row + 1);
            if (end < last) {
                throw new IllegalArgumentException("row " + row + " has the weights from " + last + " to " + end);
            }
            last = end;
        }
        return last;
    }

    /** Throws a sentence if the mask does not have as many bits in each row as the starts tell, or any behind the last input. */
    static void check(MemorySegment mask, int rows, int columns, MemorySegment starts) {
        long rowBytes = rowBytes(columns);
        if (mask.byteSize() != rows * rowBytes) {
            throw new IllegalArgumentException(
                    mask.byteSize() + " bytes do not hold the bits of " + rows + " × " + columns + " weights");
        }
        for (int row = 0; row < rows; row++) {
            int count = 0;
            for (long i = row * rowBytes; i < (row + 1) * rowBytes; i++) {
                count += Integer.bitCount(Byte.toUnsignedInt(mask.get(ValueLayout.JAVA_BYTE, i)));
            }
            int expected = starts.getAtIndex(INT, row + 1) - starts.getAtIndex(INT, row);
            if (count != expected) {
                throw new IllegalArgumentException(
                        "the mask keeps " + count + " weights of row " + row + ", where there are " + expected);
            }
            if (columns % 8 != 0
                    && Byte.toUnsignedInt(mask.get(ValueLayout.JAVA_BYTE, (row + 1) * rowBytes - 1)) >>> columns % 8
                            != 0) {
                throw new IllegalArgumentException("the mask keeps weights behind the last input of row " + row);
            }
        }
    }

    /** Writes the inputs of a row that are kept to {@code inputs} from {@code at} on; returns where the next row's go. */
    static int inputs(MemorySegment mask, int row, int columns, int[] inputs, int at) {
        long start = row * rowBytes(columns);
        int next = at;
        for (int first = 0; first < columns; first += 8) {
            int bits = Byte.toUnsignedInt(mask.get(ValueLayout.JAVA_BYTE, start + first / 8));
            for (; bits != 0; bits &= bits - 1) {
                inputs[next++] = first + Integer.numberOfTrailingZeros(bits);
            }
        }
        return next;
    }

    /** The share of zeros in words, such as {@code 50 % zero}. */
    static String zeros(int kept, int rows, int columns) {
        return Math.round(100 - 100.0 * kept / Math.max(1, (double) rows * columns)) + " % zero";
    }
}
