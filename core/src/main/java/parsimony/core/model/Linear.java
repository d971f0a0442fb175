package parsimony.core.model;

import java.util.Objects;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * y = t(x) · Wᵀ + b: the place in the model where most techniques put their result. The weights are a {@link WeightStorage} of any kind; {@code t} is
 * the identity unless a technique needs its input changed at run time.
 */
public final class Linear {
    private final String name;
    private WeightStorage weight;
    private Tensor bias;
    private InputTransform transform;

    private Backend preparedBy;
    private PreparedMatrix prepared;

    /**
     * @param name as in a Hugging Face checkpoint, without {@code .weight}
     * @param weight [out, in]
     * @param bias [out], or null
     */
    public Linear(String name, WeightStorage weight, Tensor bias) {
        this.name = Objects.requireNonNull(name);
        this.weight = Objects.requireNonNull(weight);
        this.bias = bias;
    }

    /** A layer of the same name that shares this one's weights until one of the two is changed. */
    public synchronized Linear copy() {
        Linear copy = new Linear(name, weight, bias);
        copy.transform = transform;
        copy.preparedBy = preparedBy;
        copy.prepared = prepared;
        return copy;
    }

    /**
     * @param x [n, in]
     * @return [n, out]
     */
    public Tensor forward(Ops ops, Tensor x) {
        Tensor input = transform == null ? x : transform.apply(ops, x);
        Tensor y = weight instanceof TensorStorage(Tensor weights)
                ? ops.multiply(input, weights)
                : ops.multiply(input, prepared(ops.backend()), weight.rows());
        return bias == null ? y : ops.addBias(y, bias);
    }

    private synchronized PreparedMatrix prepared(Backend backend) {
        if (preparedBy != backend) {
            prepared = backend.prepare(weight);
            preparedBy = backend;
        }
        return prepared;
    }

    public String name() {
        return name;
    }

    public int inputs() {
        return weight.columns();
    }

    public int outputs() {
        return weight.rows();
    }

    public WeightStorage weight() {
        return weight;
    }

    /** Puts other weights in place, of any shape that the neighbouring layers agree with. */
    public synchronized void setWeight(WeightStorage weight) {
        this.weight = Objects.requireNonNull(weight);
        preparedBy = null;
        prepared = null;
    }

    /** The bias [out], or null. */
    public Tensor bias() {
        return bias;
    }

    public void setBias(Tensor bias) {
        this.bias = bias;
    }

    /** What is done to the input first, or null. */
    public InputTransform transform() {
        return transform;
    }

    public void setTransform(InputTransform transform) {
        this.transform = transform;
    }

    /** Bytes that the backend keeps beside the storage; 0 before the first multiplication. */
    public synchronized long preparedBytes() {
        return prepared == null ? 0 : prepared.extraBytes();
    }

    @Override
    public String toString() {
        return name + " [" + outputs() + ", " + inputs() + "] " + weight.format();
    }

    /** A change of a layer's input at run time: AWQ's and SmoothQuant's scales, quantized activations, a Hadamard transform. */
    @FunctionalInterface
    public interface InputTransform {
        /** Returns the changed input; {@code x} itself stays as it is, for other layers read it too. */
        Tensor apply(Ops ops, Tensor x);
    }
}
