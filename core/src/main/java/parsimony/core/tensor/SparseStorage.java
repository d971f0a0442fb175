package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;
import java.util.OptionalLong;

/**
 * The weights of a matrix that are not zero, row after row, each with the input it belongs to (compressed sparse rows).
 *
 * @param rows outputs
 * @param columns inputs, at most 65,536
 * @param type the format of a weight
 * @param rowStarts where each row begins among the weights, and where the last one ends: rows + 1 numbers of 32 bits
 * @param indices the input of each weight, ascending in each row, 16 bits each
 * @param values the weights
 */
public record SparseStorage(
        int rows, int columns, DataType type, MemorySegment rowStarts, MemorySegment indices, MemorySegment values)
        implements WeightStorage {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MOST_COLUMNS = 1 << 16;

    public SparseStorage {
        if (columns > MOST_COLUMNS) {
            throw new IllegalArgumentException("at most " + MOST_COLUMNS + " inputs can be numbered, not " + columns);
        }
        if (rowStarts.byteSize() != 4L * (rows + 1L)) {
            throw new IllegalArgumentException(
                    rowStarts.byteSize() + " bytes do not hold the starts of " + rows + " rows");
        }
        int count = rowStarts.getAtIndex(INT, rows);
        if (count < 0 || indices.byteSize() != 2L * count || values.byteSize() != (long) type.bytes() * count) {
            throw new IllegalArgumentException("there are not " + count + " weights, as the starts of the rows tell");
        }
        int start = rowStarts.getAtIndex(INT, 0);
        if (start != 0) {
            throw new IllegalArgumentException("the first row begins at weight " + start);
        }
        for (int row = 0; row < rows; row++) {
            int end = rowStarts.getAtIndex(INT, row + 1);
            if (end < start || end > count) {
                throw new IllegalArgumentException("row " + row + " has the weights from " + start + " to " + end);
            }
            int last = -1;
            for (int i = start; i < end; i++) {
                int index = Short.toUnsignedInt(indices.getAtIndex(SHORT, i));
                if (index <= last || index >= columns) {
                    throw new IllegalArgumentException("input " + index + " after input " + last + " in row " + row);
                }
                last = index;
            }
            start = end;
        }
    }

    /** The weights that are not zero, rounded to {@code type}; a weight that rounding makes zero stays one of them. */
    public static SparseStorage of(DataType type, Tensor weights) {
        int rows = weights.rows();
        int columns = weights.columns();
        int count = 0;
        for (float weight : weights.array()) {
            count += weight == 0 ? 0 : 1;
        }
        MemorySegment rowStarts = NativeMemory.allocate(4L * (rows + 1));
        MemorySegment indices = NativeMemory.allocate(2L * count);
        MemorySegment values = NativeMemory.allocate((long) type.bytes() * count);
        float[] kept = new float[count];
        int at = 0;
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                float weight = weights.array()[row * columns + column];
                if (weight != 0) {
                    indices.setAtIndex(SHORT, at, (short) column);
                    kept[at++] = weight;
                }
            }
            rowStarts.setAtIndex(INT, row + 1, at);
        }
        type.write(kept, 0, count, values, 0);
        return new SparseStorage(rows, columns, type, rowStarts, indices, values);
    }

    /** Where row {@code row} begins among the weights; {@code row} may be {@link #rows()}. */
    public int start(int row) {
        return rowStarts.getAtIndex(INT, row);
    }

    /** The input that weight {@code i} belongs to. */
    public int index(int i) {
        return Short.toUnsignedInt(indices.getAtIndex(SHORT, i));
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        Arrays.fill(target, offset, offset + columns, 0);
        int end = start(row + 1);
        for (int i = start(row); i < end; i++) {
            target[offset + index(i)] = type.get(values, (long) i * type.bytes());
        }
    }

    @Override
    public long bytes() {
        return rowStarts.byteSize() + indices.byteSize() + values.byteSize();
    }

    @Override
    public boolean isSparse() {
        return true;
    }

    @Override
    public OptionalLong outliers() {
        return OptionalLong.of(start(rows));
    }

    @Override
    public String format() {
        return "sparse " + type.name().toLowerCase(Locale.ROOT);
    }
}
