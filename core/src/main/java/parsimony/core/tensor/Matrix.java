package parsimony.core.tensor;

/**
 * A view of a rectangle of floats inside a larger array: element (r, c) is {@code data[offset + r * stride + c]}. One head of an activation
 * [tokens, heads · headSize] is such a view.
 */
public record Matrix(float[] data, int offset, int rows, int columns, int stride) {
    public Matrix {
        if (rows < 0 || columns < 0 || offset < 0) {
            throw new IllegalArgumentException("negative size or offset");
        }
        if (rows > 0 && columns > 0 && offset + (long) (rows - 1) * stride + columns > data.length) {
            throw new IllegalArgumentException("a view of " + rows + " × " + columns + " with stride " + stride
                    + " from " + offset + " leaves an array of " + data.length);
        }
    }

    /** A contiguous matrix around {@code data}. */
    public static Matrix of(float[] data, int rows, int columns) {
        return new Matrix(data, 0, rows, columns, columns);
    }

    public float get(int row, int column) {
        return data[offset + row * stride + column];
    }

    /** The {@code count} rows from {@code first} on. */
    public Matrix rows(int first, int count) {
        return new Matrix(data, offset + first * stride, count, columns, stride);
    }

    /** The {@code count} columns from {@code first} on. */
    public Matrix columns(int first, int count) {
        return new Matrix(data, offset + first, rows, count, stride);
    }
}
