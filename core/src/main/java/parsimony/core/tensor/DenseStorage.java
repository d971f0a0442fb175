package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Plain floats, row-major [out, in], in native memory or in a mapped file, where they are used in place.
 *
 * @param type the format of one number
 * @param rows outputs
 * @param columns inputs
 * @param data {@code rows · columns} numbers, little-endian
 */
public record DenseStorage(DataType type, int rows, int columns, MemorySegment data) implements WeightStorage {
    public DenseStorage {
        if (data.byteSize() != (long) rows * columns * type.bytes()) {
            throw new IllegalArgumentException(
                    data.byteSize() + " bytes do not hold " + rows + " × " + columns + " " + type);
        }
    }

    /** Copies {@code weights} to native memory in the format {@code type}, rounding to nearest even. */
    public static DenseStorage of(DataType type, WeightStorage weights) {
        int rows = weights.rows();
        int columns = weights.columns();
        MemorySegment data = NativeMemory.allocate((long) rows * columns * type.bytes());
        float[] row = new float[columns];
        for (int r = 0; r < rows; r++) {
            weights.decodeRow(r, row, 0);
            type.write(row, 0, columns, data, (long) r * columns * type.bytes());
        }
        return new DenseStorage(type, rows, columns, data);
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        type.read(data, (long) row * columns * type.bytes(), columns, target, offset);
    }

    @Override
    public float weight(int row, int column) {
        return type.get(data, ((long) row * columns + column) * type.bytes());
    }

    @Override
    public long bytes() {
        return data.byteSize();
    }

    @Override
    public String format() {
        return type.name().toLowerCase(Locale.ROOT);
    }
}
