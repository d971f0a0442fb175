package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A matrix of one number everywhere, such as the scales of a matrix that has only one.
 *
 * @param rows outputs
 * @param columns inputs
 * @param value the number, in 32 bits
 */
public record ConstantStorage(int rows, int columns, MemorySegment value) implements WeightStorage {
    public ConstantStorage {
        if (rows < 1 || columns < 1 || value.byteSize() != Float.BYTES) {
            throw new IllegalArgumentException("no number for a matrix of " + rows + " × " + columns);
        }
    }

    public static ConstantStorage of(int rows, int columns, float value) {
        MemorySegment memory = NativeMemory.allocate(Float.BYTES);
        DataType.F32.write(new float[] {value}, 0, 1, memory, 0);
        return new ConstantStorage(rows, columns, memory);
    }

    @Override
    public float weight(int row, int column) {
        return DataType.F32.get(value, 0);
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        Arrays.fill(target, offset, offset + columns, weight(row, 0));
    }

    @Override
    public long bytes() {
        return value.byteSize();
    }

    @Override
    public String format() {
        return "one f32";
    }
}
