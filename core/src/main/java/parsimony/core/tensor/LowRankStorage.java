package parsimony.core.tensor;

/**
 * W = left · right: a matrix of low rank, kept as two thin ones.
 *
 * @param left [out, rank]
 * @param right [rank, in]
 */
public record LowRankStorage(WeightStorage left, WeightStorage right) implements WeightStorage {
    public LowRankStorage {
        if (left.columns() != right.rows()) {
            throw new IllegalArgumentException("[" + left.rows() + ", " + left.columns() + "] · [" + right.rows() + ", "
                    + right.columns() + "] is no product");
        }
    }

    public int rank() {
        return right.rows();
    }

    @Override
    public int rows() {
        return left.rows();
    }

    @Override
    public int columns() {
        return right.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        decode(row, 1, target, offset);
    }

    @Override
    public Tensor decode() {
        Tensor weights = Tensor.zeros(rows(), columns());
        decode(0, rows(), weights.array(), 0);
        return weights;
    }

    private void decode(int first, int count, float[] target, int offset) {
        float[] factors = new float[count * rank()];
        for (int row = 0; row < count; row++) {
            left.decodeRow(first + row, factors, row * rank());
        }
        double[] sums = new double[count * columns()];
        float[] direction = new float[columns()];
        for (int r = 0; r < rank(); r++) {
            right.decodeRow(r, direction, 0);
            for (int row = 0; row < count; row++) {
                double factor = factors[row * rank() + r];
                for (int i = 0; i < direction.length; i++) {
                    sums[row * direction.length + i] += factor * direction[i];
                }
            }
        }
        for (int i = 0; i < sums.length; i++) {
            target[offset + i] = (float) sums[i];
        }
    }

    @Override
    public long bytes() {
        return left.bytes() + right.bytes();
    }

    @Override
    public String format() {
        return "rank " + rank() + " " + left.format();
    }
}
