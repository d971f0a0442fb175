package parsimony.core.tensor;

/**
 * W = Uᵀ · Ŵ · V, U and V random {@link Rotation}s: the form in which no weight is larger than others (Chee et al., QuIP, 2023). Only the seed of
 * the rotations is kept; to multiply, the inputs are turned, and then the outputs are turned back.
 *
 * @param weights Ŵ [out, in]
 * @param hadamard whether U and V are made of Hadamard matrices
 * @param seed of U and V
 */
public record RotatedStorage(WeightStorage weights, boolean hadamard, int seed) implements WeightStorage {
    /** V [in, in]. */
    public Rotation inputRotation() {
        return new Rotation(columns(), hadamard, seed);
    }

    /** U [out, out]. */
    public Rotation outputRotation() {
        return new Rotation(rows(), hadamard, ~(long) seed);
    }

    @Override
    public int rows() {
        return weights.rows();
    }

    @Override
    public int columns() {
        return weights.columns();
    }

    /** As slow as it is to decode all rows: each one holds something of every row of Ŵ. */
    @Override
    public void decodeRow(int row, float[] target, int offset) {
        float[] shares = new float[rows()];
        shares[row] = 1;
        outputRotation().apply(shares, 0, 1, Rotation.Product.PLAIN);
        float[] sum = new float[columns()];
        float[] part = new float[columns()];
        for (int r = 0; r < shares.length; r++) {
            weights.decodeRow(r, part, 0);
            for (int i = 0; i < part.length; i++) {
                sum[i] += shares[r] * part[i];
            }
        }
        inputRotation().applyTransposed(sum, 0, 1, Rotation.Product.PLAIN);
        System.arraycopy(sum, 0, target, offset, sum.length);
    }

    @Override
    public Tensor decode() {
        Tensor decoded = weights.decode();
        inputRotation().applyTransposed(decoded.array(), 0, rows(), Rotation.Product.PLAIN);
        Rotation output = outputRotation();
        float[] column = new float[rows()];
        for (int i = 0; i < columns(); i++) {
            for (int row = 0; row < rows(); row++) {
                column[row] = decoded.array()[row * columns() + i];
            }
            output.applyTransposed(column, 0, 1, Rotation.Product.PLAIN);
            for (int row = 0; row < rows(); row++) {
                decoded.array()[row * columns() + i] = column[row];
            }
        }
        return decoded;
    }

    @Override
    public long bytes() {
        return weights.bytes();
    }

    @Override
    public boolean roundsInput() {
        return weights.roundsInput();
    }

    @Override
    public String format() {
        return weights.format() + " rotated";
    }
}
