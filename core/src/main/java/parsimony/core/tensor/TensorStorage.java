package parsimony.core.tensor;

/** 32-bit floats on the heap that are being trained: the optimizer changes them in place, so no backend prepares them. */
public record TensorStorage(Tensor tensor) implements WeightStorage {
    public TensorStorage {
        if (tensor.rank() != 2) {
            throw new IllegalArgumentException("a weight matrix has two dimensions, not " + tensor);
        }
    }

    @Override
    public int rows() {
        return tensor.dimension(0);
    }

    @Override
    public int columns() {
        return tensor.dimension(1);
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        System.arraycopy(tensor.array(), row * columns(), target, offset, columns());
    }

    @Override
    public float weight(int row, int column) {
        return tensor.array()[row * columns() + column];
    }

    @Override
    public long bytes() {
        return (long) tensor.size() * Float.BYTES;
    }

    @Override
    public String format() {
        return "f32";
    }
}
