package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.BitSet;
import java.util.OptionalLong;

/**
 * A matrix of which only some columns are kept, in any order, while the others are zero: the inputs that carry outliers
 * (OWQ, LLM.int8), those that do not, or all of them in the order in which they share groups (GPTQ).
 *
 * @param columns inputs, at most 65,536
 * @param indices the k inputs that have weights, each once, 16 bits each
 * @param values their weights [out, k], k at least 1
 */
public record ColumnsStorage(int columns, MemorySegment indices, WeightStorage values) implements WeightStorage {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MOST_COLUMNS = 1 << 16;

    public ColumnsStorage {
        if (columns > MOST_COLUMNS) {
            throw new IllegalArgumentException("at most " + MOST_COLUMNS + " inputs can be numbered, not " + columns);
        }
        if (indices.byteSize() != 2L * values.columns()) {
            throw new IllegalArgumentException(
                    indices.byteSize() + " bytes do not hold the numbers of " + values.columns() + " columns");
        }
        BitSet seen = new BitSet(columns);
        for (int i = 0; i < values.columns(); i++) {
            int index = Short.toUnsignedInt(indices.getAtIndex(SHORT, i));
            if (index >= columns || seen.get(index)) {
                throw new IllegalArgumentException(
                        "column " + index + " of " + columns + " is there twice or too much");
            }
            seen.set(index);
        }
    }

    /**
     * The columns {@code chosen} of {@code weights} [out, in], as numbers of {@code type}.
     *
     * @param chosen at least one column
     */
    public static ColumnsStorage of(DataType type, Tensor weights, int[] chosen) {
        Tensor kept = Tensor.zeros(weights.rows(), chosen.length);
        for (int i = 0; i < chosen.length; i++) {
            for (int row = 0; row < weights.rows(); row++) {
                kept.array()[row * chosen.length + i] = weights.array()[row * weights.columns() + chosen[i]];
            }
        }
        return of(DenseStorage.of(type, new TensorStorage(kept)), weights.columns(), chosen);
    }

    /**
     * A matrix of {@code columns} inputs whose column {@code chosen[i]} is column i of {@code values}.
     *
     * @param values [out, chosen.length]
     */
    public static ColumnsStorage of(WeightStorage values, int columns, int[] chosen) {
        MemorySegment indices = NativeMemory.allocate(2L * chosen.length);
        for (int i = 0; i < chosen.length; i++) {
            indices.setAtIndex(SHORT, i, (short) chosen[i]);
        }
        return new ColumnsStorage(columns, indices, values);
    }

    /** The input that column {@code i} of {@link #values} belongs to. */
    public int index(int i) {
        return Short.toUnsignedInt(indices.getAtIndex(SHORT, i));
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

    /** All of them if they are floats, for then they are kept for their exactness. */
    @Override
    public OptionalLong outliers() {
        return values instanceof AffineGroups ? values.outliers() : OptionalLong.of((long) rows() * values.columns());
    }

    @Override
    public String format() {
        int kept = values.columns();
        return (kept == columns ? "permuted " : kept + (kept == 1 ? " column " : " columns ")) + values.format();
    }
}
