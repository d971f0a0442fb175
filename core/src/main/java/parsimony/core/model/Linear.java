package parsimony.core.model;

import java.util.Objects;
import java.util.function.Consumer;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * y = x · Wᵀ + b: the place in the model where most techniques put their result. The weights are a {@link WeightStorage} of any kind; one that needs its
 * input changed at run time, scaled, rounded or turned, does so itself.
 */
public final class Linear {
    private final String name;
    private WeightStorage weight;
    private Tensor bias;
    private Consumer<Tensor> observer;
    private LinearAdapter adapter;

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
        copy.preparedBy = preparedBy;
        copy.prepared = prepared;
        copy.adapter = adapter;
        return copy;
    }

    /**
     * The layer with its adapter, if it has one.
     *
     * @param x [n, in]
     * @return [n, out]
     */
    public Tensor forward(ForwardContext context, Tensor x) {
        return adapter == null
                ? forward(context.ops(), x)
                : adapter.output(context, x, forward(context.ops(), adapter.input(context, x)));
    }

    /**
     * The layer without its adapter.
     *
     * @param x [n, in]
     * @return [n, out]
     */
    public Tensor forward(Ops ops, Tensor x) {
        if (observer != null) {
            observer.accept(x);
        }
        Tensor y = weight instanceof TensorStorage(Tensor weights)
                ? ops.multiply(x, weights)
                : ops.multiply(x, prepared(ops.backend()), weight.rows());
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

    /** The adapter in place, or null. */
    public LinearAdapter adapter() {
        return adapter;
    }

    /** Puts an adapter in place; null takes it out. */
    public void setAdapter(LinearAdapter adapter) {
        this.adapter = adapter;
    }

    /**
     * Divides each output by a number of its own: the rows of the weights, which become 32-bit floats, and the bias.
     *
     * @param divisors [out]
     */
    public void divideOutputs(float[] divisors) {
        Tensor weights = weight.decode();
        for (int i = 0; i < weights.size(); i++) {
            weights.array()[i] /= divisors[i / inputs()];
        }
        setWeight(new TensorStorage(weights));
        if (bias != null) {
            bias = quotient(bias, divisors);
        }
    }

    /** A vector divided by another, number by number. */
    static Tensor quotient(Tensor vector, float[] divisors) {
        Tensor result = vector.copy();
        for (int i = 0; i < divisors.length; i++) {
            result.array()[i] /= divisors[i];
        }
        return result;
    }

    /** Lets {@code observer} see every input [n, in] from now on; null to end that. */
    public void observeInputs(Consumer<Tensor> observer) {
        this.observer = observer;
    }

    /** Bytes that the backend keeps beside the storage; 0 before the first multiplication. */
    public synchronized long preparedBytes() {
        return prepared == null ? 0 : prepared.extraBytes();
    }

    @Override
    public String toString() {
        return name + " [" + outputs() + ", " + inputs() + "] " + weight.format();
    }
}
