package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * A matrix of which only some columns are not zero, such as the inputs that carry outliers (OWQ, LLM.int8).
 *
 * @param columns inputs
 * @param indices the k inputs that have weights, ascending, 32 bits each
 * @param values their weights [out, k], k at least 1
 */
public record ColumnsStorage(int columns, MemorySegment indices, WeightStorage values) implements WeightStorage {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public ColumnsStorage {
        if (indices.byteSize() != 4L * values.columns()) {
            throw new IllegalArgumentException(
                    indices.byteSize() + " bytes do not hold the numbers of " + values.columns() + " columns");
        }
        int last = -1;
        for (int i = 0; i < values.columns(); i++) {
            int index = indices.getAtIndex(INT, i);
            if (index <= last || index >= columns) {
                throw new IllegalArgumentException("column " + index + " of " + columns + " after column " + last);
            }
            last = index;
        }
    }

    /**
     * The columns {@code chosen}, ascending, of {@code weights} [out, in], as numbers of {@code type}.
     *
     * @param chosen at least one column
     */
    public static ColumnsStorage of(DataType type, Tensor weights, int[] chosen) {
        MemorySegment indices = NativeMemory.allocate(4L * chosen.length);
        Tensor kept = Tensor.zeros(weights.rows(), chosen.length);
        for (int i = 0; i < chosen.length; i++) {
            indices.setAtIndex(INT, i, chosen[i]);
            for (int row = 0; row < weights.rows(); row++) {
                kept.array()[row * chosen.length + i] = weights.array()[row * weights.columns() + chosen[i]];
            }
        }
        return new ColumnsStorage(weights.columns(), indices, DenseStorage.of(type, new TensorStorage(kept)));
    }

    /** The input that column {@code i} of {@link #values} belongs to. */
    public int index(int i) {
        return indices.getAtIndex(INT, i);
    }

    @Override
    public int rows() {
        return values.rows();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        float[] kept = new float[values.columns()];
        values.decodeRow(row, kept, 0);
        Arrays.fill(target, offset, offset + columns, 0);
        for (int i = 0; i < kept.length; i++) {
            target[offset + index(i)] = kept[i];
        }
    }

    @Override
    public long bytes() {
        return indices.byteSize() + values.bytes();
    }

    @Override
    public OptionalLong outliers() {
        return OptionalLong.of((long) rows() * values.columns());
    }

    @Override
    public String format() {
        return values.columns() + (values.columns() == 1 ? " column " : " columns ") + values.format();
    }
}
