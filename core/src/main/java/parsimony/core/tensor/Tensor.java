package parsimony.core.tensor;

import java.util.Arrays;

/**
 * A dense, row-major array of 32-bit floats with a shape: an activation, a gradient or a parameter that is being trained. {@link #array()} is
 * the only way to its numbers, so that a device backend may keep them elsewhere until they are asked for.
 */
public final class Tensor {
    private final int[] shape;
    private final float[] data;
    private final GradientSlot gradient;
    private boolean trainable;

    private Tensor(float[] data, int[] shape) {
        this.data = data;
        this.shape = shape;
        this.gradient = new GradientSlot(shape);
    }

    /** A tensor of zeros. */
    public static Tensor zeros(int... shape) {
        return new Tensor(new float[sizeOf(shape)], shape.clone());
    }

    /**
     * Wraps {@code data} without copying it.
     *
     * @throws IllegalArgumentException if the shape does not hold exactly {@code data.length} numbers
     */
    public static Tensor of(float[] data, int... shape) {
        if (sizeOf(shape) != data.length) {
            throw new IllegalArgumentException(
                    "shape " + Arrays.toString(shape) + " does not hold " + data.length + " numbers");
        }
        return new Tensor(data, shape.clone());
    }

    /** A tensor of zeros of the same shape. */
    public Tensor zerosLike() {
        return new Tensor(new float[data.length], shape);
    }

    /** A copy of the numbers; the gradient stays behind. */
    public Tensor copy() {
        return new Tensor(data.clone(), shape);
    }

    /** The numbers on the host, row-major; writes are seen by everyone who holds this tensor. */
    public float[] array() {
        return data;
    }

    public int size() {
        return data.length;
    }

    public int rank() {
        return shape.length;
    }

    public int dimension(int axis) {
        return shape[axis];
    }

    public int[] shape() {
        return shape.clone();
    }

    /** The last dimension. */
    public int columns() {
        return shape[shape.length - 1];
    }

    /** The product of all dimensions but the last. */
    public int rows() {
        return columns() == 0 ? 0 : data.length / columns();
    }

    /** The whole tensor as a matrix of {@link #rows()} × {@link #columns()}. */
    public Matrix matrix() {
        return new Matrix(data, 0, rows(), columns(), columns());
    }

    /** Whether this is a parameter whose gradient is wanted; activations are not. */
    public boolean isTrainable() {
        return trainable;
    }

    /** Marks a parameter as one that is being trained, or freezes it. */
    public Tensor setTrainable(boolean trainable) {
        this.trainable = trainable;
        return this;
    }

    /** The gradient of the loss with respect to this tensor, or null if none has arrived. */
    public Tensor gradient() {
        return gradient.get();
    }

    /** The gradient, made of zeros at the first call; backward steps add to it. */
    public Tensor gradientForAdding() {
        return gradient.forAdding();
    }

    /** Replaces the gradient; null lets go of its memory. */
    public void setGradient(Tensor gradient) {
        this.gradient.set(gradient);
    }

    /** Where this tensor's gradient arrives. A backward step that does not read the numbers holds on to this alone. */
    public GradientSlot gradientSlot() {
        return gradient;
    }

    /** The place for the gradient of one tensor, which may outlive the tensor's numbers. */
    public static final class GradientSlot {
        private final int[] shape;
        private Tensor gradient;

        private GradientSlot(int[] shape) {
            this.shape = shape;
        }

        /** The gradient, or null if none has arrived. */
        public Tensor get() {
            return gradient;
        }

        /** The gradient, made of zeros at the first call. */
        public Tensor forAdding() {
            if (gradient == null) {
                gradient = new Tensor(new float[sizeOf(shape)], shape);
            }
            return gradient;
        }

        /** Replaces the gradient; null lets go of its memory. */
        public void set(Tensor gradient) {
            this.gradient = gradient;
        }

        /** Takes the gradient out, or null if none has arrived. */
        public Tensor take() {
            Tensor taken = gradient;
            gradient = null;
            return taken;
        }
    }

    @Override
    public String toString() {
        return "Tensor" + Arrays.toString(shape);
    }

    private static int sizeOf(int[] shape) {
        int size = 1;
        for (int dimension : shape) {
            if (dimension < 0) {
                throw new IllegalArgumentException("negative dimension in " + Arrays.toString(shape));
            }
            size = Math.multiplyExact(size, dimension);
        }
        return size;
    }
}
