package parsimony.core.tensor;

import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Function;

/**
 * A dense, row-major array of 32-bit floats with a shape: an activation, a gradient or a parameter that is being trained. {@link #array()} is
 * the only way to its numbers, so that a device backend may keep them elsewhere until they are asked for.
 */
public final class Tensor {
    private final int[] shape;
    private final int size;
    private final GradientSlot gradient;
    /** The numbers; null while a device has them. */
    private float[] data;
    /** Where the numbers are to stand when they come home; null if that does not matter. */
    private float[] home;

    private volatile Residence residence;
    private boolean trainable;

    private Tensor(float[] data, int[] shape) {
        this.data = data;
        this.shape = shape;
        this.size = data.length;
        this.gradient = new GradientSlot(shape);
    }

    private Tensor(Residence residence, int[] shape) {
        this.residence = residence;
        this.shape = shape;
        this.size = sizeOf(shape);
        this.gradient = new GradientSlot(shape);
    }

    /** Where a device keeps a tensor's numbers. */
    public interface Residence {
        /** What is held while numbers move. */
        Object lock();

        /**
         * Writes all numbers to {@code target}.
         *
         * @throws IllegalStateException if they are gone, because the pass that made them has ended
         */
        void read(float[] target);

        /** Another tensor with the same numbers, where the device has room for it now. */
        Tensor copy();

        /** Is told that the numbers are on the host again and will not be read here any more. */
        void leave();
    }

    /** A tensor whose numbers a device has. */
    public static Tensor at(Residence residence, int... shape) {
        return new Tensor(residence, shape.clone());
    }

    /** Says that a device has the numbers from now on; what the host had is out of date. */
    public void moveTo(Residence place) {
        synchronized (place.lock()) {
            if (data != null) {
                home = data;
            }
            residence = place;
            data = null;
        }
    }

    /** The device's place that has the numbers, or null if the host has them. */
    public Residence residence() {
        return residence;
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
        return new Tensor(new float[size], shape);
    }

    /** A copy of the numbers, where they are; the gradient stays behind. */
    public Tensor copy() {
        Residence place = residence;
        return place == null ? new Tensor(array().clone(), shape) : place.copy();
    }

    /**
     * The numbers on the host, row-major; writes are seen by everyone who holds this tensor. Numbers that a device has come home first, so ask again
     * after an op has written to the tensor.
     */
    public float[] array() {
        float[] numbers = data;
        return numbers == null ? comeHome() : numbers;
    }

    private float[] comeHome() {
        for (Residence place = residence; place != null; place = residence) {
            synchronized (place.lock()) {
                if (residence == place) {
                    float[] numbers = home == null ? new float[size] : home;
                    place.read(numbers);
                    place.leave();
                    // Who finds the array without having held the lock finds the numbers in it.
                    VarHandle.releaseFence();
                    data = numbers;
                    residence = null;
                }
            }
        }
        return data;
    }

    public int size() {
        return size;
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
        return columns() == 0 ? 0 : size / columns();
    }

    /** The whole tensor as a matrix of {@link #rows()} × {@link #columns()}. */
    public Matrix matrix() {
        return new Matrix(array(), 0, rows(), columns(), columns());
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
        return gradient.forAdding(Tensor::zeros);
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

        /**
         * The gradient, made at the first call.
         *
         * @param make makes a tensor of a shape, where the op that adds to it wants to have it
         */
        public Tensor forAdding(Function<int[], Tensor> make) {
            if (gradient == null) {
                gradient = make.apply(shape.clone());
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
