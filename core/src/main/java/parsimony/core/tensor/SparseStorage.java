package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;

/**
 * The weights of a matrix that are not zero, row after row, and where they belong. A bitmask takes one bit for every weight, kept or not; that is also
 * what the two 2-bit numbers of a 2:4 pattern take, and less than the four 3-bit numbers of 4:8. Below one weight in sixteen the inputs' numbers are
 * shorter (compressed sparse rows).
 *
 * @param rows outputs
 * @param columns inputs
 * @param type the format of a weight
 * @param positions how {@code where} tells to which input a weight belongs
 * @param rowStarts where each row begins among the weights, and where the last one ends: rows + 1 numbers of 32 bits
 * @param where as a bitmask, a bit for each input, the first in the lowest bit of a byte, each row filled up to bytes; as numbers, 16 bits for each weight,
 *     ascending in each row
 * @param values the weights
 */
public record SparseStorage(
        int rows,
        int columns,
        DataType type,
        Positions positions,
        MemorySegment rowStarts,
        MemorySegment where,
        MemorySegment values)
        implements WeightStorage {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MOST_COLUMNS = 1 << 16;

    /** How it is told which inputs have weights. */
    public enum Positions {
        BITMASK,
        NUMBERS
    }

    public SparseStorage {
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException("a matrix of " + rows + " × " + columns);
        }
        if (positions == Positions.NUMBERS && columns > MOST_COLUMNS) {
            throw new IllegalArgumentException("at most " + MOST_COLUMNS + " inputs can be numbered, not " + columns);
        }
        int count = RowMask.checkStarts(rowStarts, rows);
        if (values.byteSize() != (long) type.bytes() * count) {
            throw new IllegalArgumentException("there are not " + count + " weights, as the starts of the rows tell");
        }
        if (positions == Positions.BITMASK) {
            RowMask.check(where, rows, columns, rowStarts);
        } else {
            checkNumbers(rows, columns, rowStarts, where, count);
        }
    }

    private static void checkNumbers(int rows, int columns, MemorySegment rowStarts, MemorySegment where, int count) {
        if (where.byteSize() != 2L * count) {
            throw new IllegalArgumentException(
                    where.byteSize() + " bytes do not hold the inputs of " + count + " weights");
        }
        for (int row = 0; row < rows; row++) {
            int last = -1;
            for (int i = rowStarts.getAtIndex(INT, row); i < rowStarts.getAtIndex(INT, row + 1); i++) {
                int input = Short.toUnsignedInt(where.getAtIndex(SHORT, i));
                if (input <= last || input >= columns) {
                    throw new IllegalArgumentException("input " + input + " after input " + last + " in row " + row);
                }
                last = input;
            }
        }
    }

    /**
     * The weights that are not zero, rounded to {@code type}, in the shorter of the two forms; a weight that rounding makes zero stays one of them.
     *
     * @param weights [out, in]
     */
    public static SparseStorage of(DataType type, Tensor weights) {
        int count = 0;
        for (float weight : weights.array()) {
            count += weight == 0 ? 0 : 1;
        }
        long bitmaskBytes = weights.rows() * RowMask.rowBytes(weights.columns());
        boolean numbers = weights.columns() <= MOST_COLUMNS && 2L * count < bitmaskBytes;
        return of(type, weights, numbers ? Positions.NUMBERS : Positions.BITMASK);
    }

    /** The same in one of the two forms. */
    public static SparseStorage of(DataType type, Tensor weights, Positions positions) {
        int rows = weights.rows();
        int columns = weights.columns();
        BitSet kept = new BitSet(weights.size());
        for (int i = 0; i < weights.size(); i++) {
            kept.set(i, weights.array()[i] != 0);
        }
        int count = kept.cardinality();
        MemorySegment where =
                positions == Positions.BITMASK ? RowMask.of(kept, rows, columns) : NativeMemory.allocate(2L * count);
        float[] values = new float[count];
        int at = 0;
        for (int i = kept.nextSetBit(0); i >= 0; i = kept.nextSetBit(i + 1)) {
            if (positions == Positions.NUMBERS) {
                where.setAtIndex(SHORT, at, (short) (i % columns));
            }
            values[at++] = weights.array()[i];
        }
        MemorySegment packed = NativeMemory.allocate((long) type.bytes() * count);
        type.write(values, 0, count, packed, 0);
        return new SparseStorage(rows, columns, type, positions, RowMask.starts(kept, rows, columns), where, packed);
    }

    /** Weights that are kept. */
    public int count() {
        return start(rows);
    }

    /** Where row {@code row} begins among the weights; {@code row} may be {@link #rows()}. */
    public int start(int row) {
        return rowStarts.getAtIndex(INT, row);
    }

    /**
     * Reads the weights of rows {@code first … last − 1}, one after the other.
     *
     * @param weights take the weights
     * @param inputs take the input that each belongs to
     */
    public void read(int first, int last, float[] weights, int[] inputs) {
        int start = start(first);
        int count = start(last) - start;
        type.read(values, (long) start * type.bytes(), count, weights, 0);
        if (positions == Positions.NUMBERS) {
            for (int i = 0; i < count; i++) {
                inputs[i] = Short.toUnsignedInt(where.getAtIndex(SHORT, start + i));
            }
            return;
        }
        int at = 0;
        for (int row = first; row < last; row++) {
            at = RowMask.inputs(where, row, columns, inputs, at);
        }
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        int count = start(row + 1) - start(row);
        float[] weights = new float[count];
        int[] inputs = new int[count];
        read(row, row + 1, weights, inputs);
        Arrays.fill(target, offset, offset + columns, 0);
        for (int i = 0; i < count; i++) {
            target[offset + inputs[i]] = weights[i];
        }
    }

    @Override
    public long bytes() {
        return rowStarts.byteSize() + where.byteSize() + values.byteSize();
    }

    @Override
    public boolean isSparse() {
        return true;
    }

    @Override
    public String format() {
        return type.name().toLowerCase(Locale.ROOT) + " " + RowMask.zeros(count(), rows, columns);
    }
}
