package parsimony.core.tensor;

import java.util.OptionalLong;

/**
 * W = first + second: a matrix that is kept as two, such as integers with a few weights beside them that are kept
 * more exactly (OWQ, SpQR, LLM.int8), or a matrix with a low-rank change (LoRA).
 *
 * @param first [out, in]
 * @param second [out, in]
 */
public record SumStorage(WeightStorage first, WeightStorage second) implements WeightStorage {
    public SumStorage {
        if (first.rows() != second.rows() || first.columns() != second.columns()) {
            throw new IllegalArgumentException("a matrix of " + first.rows() + " × " + first.columns()
                    + " cannot be added to one of " + second.rows() + " × " + second.columns());
        }
    }

    @Override
    public int rows() {
        return first.rows();
    }

    @Override
    public int columns() {
        return first.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        first.decodeRow(row, target, offset);
        float[] added = new float[columns()];
        second.decodeRow(row, added, 0);
        for (int i = 0; i < added.length; i++) {
            target[offset + i] += added[i];
        }
    }

    @Override
    public long bytes() {
        return first.bytes() + second.bytes();
    }

    @Override
    public boolean roundsInput() {
        return first.roundsInput() || second.roundsInput();
    }

    @Override
    public OptionalLong outliers() {
        OptionalLong before = apart(first);
        OptionalLong added = apart(second);
        return before.isEmpty() && added.isEmpty() ? before : OptionalLong.of(before.orElse(0) + added.orElse(0));
    }

    /** A sparse matrix beside another one holds what is kept apart. */
    private static OptionalLong apart(WeightStorage part) {
        return part instanceof SparseStorage sparse ? OptionalLong.of(sparse.count()) : part.outliers();
    }

    @Override
    public String format() {
        return first.format() + " + " + second.format();
    }
}
