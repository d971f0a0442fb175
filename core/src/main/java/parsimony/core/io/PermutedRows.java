package parsimony.core.io;

import parsimony.core.tensor.WeightStorage;

/** A matrix whose row r is row {@code order[r]} of another. */
final class PermutedRows implements WeightStorage {
    private final WeightStorage source;
    private final int[] order;

    PermutedRows(WeightStorage source, int[] order) {
        this.source = source;
        this.order = order;
    }

    WeightStorage source() {
        return source;
    }

    int sourceRow(int row) {
        return order[row];
    }

    @Override
    public int rows() {
        return order.length;
    }

    @Override
    public int columns() {
        return source.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        source.decodeRow(order[row], target, offset);
    }

    @Override
    public long bytes() {
        return source.bytes();
    }

    @Override
    public String format() {
        return source.format();
    }
}
