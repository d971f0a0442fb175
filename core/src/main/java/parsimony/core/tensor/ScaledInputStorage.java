package parsimony.core.tensor;

import java.util.OptionalLong;

/**
 * W = weights · diag(scales): each input is scaled before it is multiplied, where no layer before can do it (AWQ and
 * SmoothQuant on a matrix that stands alone).
 *
 * @param weights [out, in]
 * @param scales [1, in]
 */
public record ScaledInputStorage(WeightStorage weights, WeightStorage scales) implements WeightStorage {
    public ScaledInputStorage {
        if (scales.rows() != 1 || scales.columns() != weights.columns()) {
            throw new IllegalArgumentException(
                    scales.rows() + " × " + scales.columns() + " scales for " + weights.columns() + " inputs");
        }
    }

    /** Scales as numbers of 32 bits. */
    public static ScaledInputStorage of(WeightStorage weights, float[] scales) {
        return new ScaledInputStorage(
                weights, DenseStorage.of(DataType.F32, new TensorStorage(Tensor.of(scales, 1, scales.length))));
    }

    @Override
    public int rows() {
        return weights.rows();
    }

    @Override
    public int columns() {
        return weights.columns();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        weights.decodeRow(row, target, offset);
        float[] factors = new float[columns()];
        scales.decodeRow(0, factors, 0);
        for (int i = 0; i < factors.length; i++) {
            target[offset + i] *= factors[i];
        }
    }

    @Override
    public Tensor decode() {
        Tensor decoded = weights.decode();
        float[] factors = new float[columns()];
        scales.decodeRow(0, factors, 0);
        for (int i = 0; i < decoded.size(); i++) {
            decoded.array()[i] *= factors[i % factors.length];
        }
        return decoded;
    }

    @Override
    public long bytes() {
        return weights.bytes() + scales.bytes();
    }

    @Override
    public boolean isSparse() {
        return weights.isSparse();
    }

    @Override
    public boolean roundsInput() {
        return weights.roundsInput();
    }

    @Override
    public OptionalLong outliers() {
        return weights.outliers();
    }

    @Override
    public String format() {
        return weights.format() + " scaled";
    }
}
