package parsimony.core.autograd;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import parsimony.core.backend.Backend;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.Tensor.GradientSlot;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * The differentiable ops that a model is written in. Each computes its result on the backend and, while a {@link Tape} is open, records the step
 * that takes the result's gradient to its inputs.
 */
public final class Ops {
    private final Backend backend;
    private final int rowsAtOnce;

    public Ops(Backend backend) {
        this(backend, Integer.MAX_VALUE);
    }

    private Ops(Backend backend, int rowsAtOnce) {
        this.backend = backend;
        this.rowsAtOnce = rowsAtOnce;
    }

    /**
     * The same ops with products of so few rows at once that each row gets the bits that it would get alone: for tokens that are checked together and must come out as if they had
     * been written one by one. Not for training.
     */
    public Ops rowByRow() {
        return new Ops(backend, backend.rowsAlike());
    }

    /** Rows that are multiplied at once at most. */
    public int rowsAtOnce() {
        return rowsAtOnce;
    }

    public Backend backend() {
        return backend;
    }

    /** Runs a forward pass, or a part of one, as a {@link Backend#pass}, unless a tape is open, which needs its tensors longer. */
    public Tensor pass(Supplier<Tensor> work) {
        return Tape.isOpen() ? work.get() : backend.pass(work);
    }

    /**
     * Rows of a table, one for each token.
     *
     * @param table [vocabulary, hidden]; receives a gradient only if it is being trained
     * @return [tokens, hidden]
     */
    public Tensor embed(WeightStorage table, int[] tokens) {
        if (!(table instanceof TensorStorage(Tensor weights))) {
            Tensor y = Tensor.zeros(tokens.length, table.columns());
            for (int i = 0; i < tokens.length; i++) {
                table.decodeRow(tokens[i], y.array(), i * table.columns());
            }
            return y;
        }
        Tensor y = backend.embed(weights, tokens);
        if (weights.isTrainable()) {
            GradientSlot dWeights = weights.gradientSlot();
            onBackward(y, List.of(), List.of(weights), dy -> backend.embedBackward(tokens, dy, sums(dWeights)));
        }
        return y;
    }

    /**
     * x · Wᵀ for weights on the heap, which may be in training; only then is x kept for the backward pass.
     *
     * @param x [n, in]
     * @param weights [out, in]
     * @return [n, out]
     */
    public Tensor multiply(Tensor x, Tensor weights) {
        Tensor y = backend.result(x.rows(), weights.dimension(0));
        if (x.rows() <= rowsAtOnce) {
            backend.multiply(x, false, weights, true, y, false);
        } else {
            for (int row = 0; row < x.rows(); row += rowsAtOnce) {
                int rows = Math.min(rowsAtOnce, x.rows() - row);
                backend.multiply(
                        x.matrix().rows(row, rows),
                        false,
                        weights.matrix(),
                        true,
                        y.matrix().rows(row, rows),
                        false);
            }
        }
        GradientSlot dx = x.gradientSlot();
        if (weights.isTrainable()) {
            onBackward(y, List.of(x), List.of(weights), dy -> {
                addProduct(dy, false, weights, dx);
                addProduct(dy, true, x, weights.gradientSlot());
            });
        } else {
            onBackward(y, List.of(), List.of(), dy -> addProduct(dy, false, weights, dx));
        }
        return y;
    }

    /** A gradient to add to. */
    private Tensor sums(GradientSlot gradient) {
        return gradient.forAdding(backend::zeros);
    }

    /** Adds op(dy) · factor to a gradient; the first product is written where zeros would be added to. */
    private void addProduct(Tensor dy, boolean transpose, Tensor factor, GradientSlot gradient) {
        boolean accumulate = gradient.get() != null;
        backend.multiply(dy, transpose, factor, false, gradient.forAdding(backend::result), accumulate);
    }

    /**
     * x · Wᵀ for frozen weights in any form; only x receives a gradient.
     *
     * @param x [n, in]
     * @param outputs rows of W
     * @return [n, out]
     */
    public Tensor multiply(Tensor x, PreparedMatrix weights, int outputs) {
        Tensor y = backend.result(x.rows(), outputs);
        if (x.rows() <= rowsAtOnce) {
            weights.multiply(x, y);
        } else {
            weights.multiplyInPieces(x, y, rowsAtOnce);
        }
        GradientSlot dx = x.gradientSlot();
        onBackward(y, List.of(), List.of(), dy -> weights.multiplyTransposed(dy, sums(dx)));
        return y;
    }

    /** Adds {@code bias} [n] to every row of {@code y} [m, n], in place. */
    public Tensor addBias(Tensor y, Tensor bias) {
        backend.addBias(bias, y);
        if (bias.isTrainable()) {
            GradientSlot dy = y.gradientSlot();
            Tape.onBackward(List.of(), List.of(bias), () -> {
                if (dy.get() != null) {
                    backend.addBiasBackward(dy.get(), sums(bias.gradientSlot()));
                }
            });
        }
        return y;
    }

    /** a + b, elementwise. */
    public Tensor add(Tensor a, Tensor b) {
        Tensor y = backend.copy(a);
        backend.add(b, y);
        GradientSlot da = a.gradientSlot();
        GradientSlot db = b.gradientSlot();
        onBackward(y, List.of(), List.of(), dy -> {
            if (db.get() == null) {
                db.set(dy.copy());
            } else {
                backend.add(dy, db.get());
            }
            if (da.get() == null) {
                // The sum's gradient is not needed any more, so a takes it over instead of copying it.
                da.set(dy);
            } else {
                backend.add(dy, da.get());
            }
        });
        return y;
    }

    /** a + factor · b, elementwise. */
    public Tensor addScaled(Tensor a, float factor, Tensor b) {
        Tensor y = backend.copy(a);
        backend.addScaled(factor, b, y);
        GradientSlot da = a.gradientSlot();
        GradientSlot db = b.gradientSlot();
        onBackward(y, List.of(), List.of(), dy -> {
            backend.addScaled(factor, dy, sums(db));
            if (da.get() == null) {
                da.set(dy);
            } else {
                backend.add(dy, da.get());
            }
        });
        return y;
    }

    /**
     * Multiplies each column by a number of its own.
     *
     * @param x [n, columns]
     * @param factors [columns], which may be in training; only then is x kept for the backward pass
     * @return [n, columns]
     */
    public Tensor scaleColumns(Tensor x, Tensor factors) {
        Tensor y = backend.result(x.shape());
        backend.scaleColumns(x, factors, y);
        GradientSlot dx = x.gradientSlot();
        if (factors.isTrainable()) {
            onBackward(
                    y,
                    List.of(x),
                    List.of(factors),
                    dy -> backend.scaleColumnsBackward(x, factors, dy, sums(dx), sums(factors.gradientSlot())));
        } else {
            onBackward(y, List.of(), List.of(), dy -> backend.scaleColumnsBackward(null, factors, dy, sums(dx), null));
        }
        return y;
    }

    /** Root-mean-square norm of each row of {@code x} [n, hidden], times {@code weight} [hidden]. */
    public Tensor rmsNorm(Tensor x, Tensor weight, float epsilon) {
        Tensor y = backend.result(x.shape());
        backend.rmsNorm(x, weight, epsilon, y);
        onBackward(
                y,
                List.of(x),
                weight.isTrainable() ? List.of(weight) : List.of(),
                dy -> backend.rmsNormBackward(
                        x,
                        weight,
                        epsilon,
                        dy,
                        sums(x.gradientSlot()),
                        weight.isTrainable() ? sums(weight.gradientSlot()) : null));
        return y;
    }

    /** gate · sigmoid(gate) · up, elementwise. */
    public Tensor swiGlu(Tensor gate, Tensor up) {
        Tensor y = backend.result(gate.shape());
        backend.swiGlu(gate, up, y);
        onBackward(
                y,
                List.of(gate, up),
                List.of(),
                dy -> backend.swiGluBackward(gate, up, dy, sums(gate.gradientSlot()), sums(up.gradientSlot())));
        return y;
    }

    /** Turns every head of {@code x} [n, heads · headSize] by its row's angles, in place. */
    public Tensor rotate(Tensor x, int heads, Rotation rotation) {
        backend.rotate(x, heads, rotation.cosines(), rotation.sines(), rotation.interleaved(), false);
        GradientSlot dx = x.gradientSlot();
        Tape.onBackward(List.of(), List.of(), () -> {
            if (dx.get() != null) {
                backend.rotate(dx.get(), heads, rotation.cosines(), rotation.sines(), rotation.interleaved(), true);
            }
        });
        return x;
    }

    /**
     * The mean negative log-likelihood, in nats, of the targets that are not −1. While a tape is open the logits are overwritten by their gradient.
     *
     * @param logits [n, vocabulary]
     * @param lossScale what the gradient is multiplied by, for accumulation over several passes
     */
    public double crossEntropy(Tensor logits, int[] targets, float lossScale) {
        if (targets.length != logits.rows()) {
            throw new IllegalArgumentException(targets.length + " targets for " + logits.rows() + " rows of logits");
        }
        int counted = 0;
        for (int target : targets) {
            counted += target >= 0 ? 1 : 0;
        }
        float[] losses = new float[targets.length];
        float scale = counted == 0 ? 0 : lossScale / counted;
        backend.crossEntropy(logits, targets, Tape.isOpen() ? scale : 0, losses);
        if (scale != 0) {
            Tape.onBackward(List.of(logits), List.of(), () -> logits.setGradient(logits));
        }
        double sum = 0;
        for (float loss : losses) {
            sum += loss;
        }
        return counted == 0 ? 0 : sum / counted;
    }

    /**
     * Records {@code step} for the gradient of {@code y}, if one arrives, and lets go of that gradient afterwards. What the step reads beside it stays in
     * memory until then: name all of it, and hold no tensor for its {@link Tensor#gradientSlot()} alone.
     *
     * @param saved activations that the step reads
     * @param parameters those in training whose gradients it adds to
     */
    public static void onBackward(Tensor y, List<Tensor> saved, List<Tensor> parameters, Consumer<Tensor> step) {
        GradientSlot slot = y.gradientSlot();
        Tape.onBackward(saved, parameters, () -> {
            Tensor dy = slot.take();
            if (dy != null) {
                step.accept(dy);
            }
        });
    }

    /**
     * The angles of a forward pass.
     *
     * @param cosines [n, headSize / 2], with any scale multiplied in
     * @param sines [n, headSize / 2]
     * @param interleaved whether pair i is (2i, 2i + 1) or (i, i + headSize / 2)
     */
    public record Rotation(Tensor cosines, Tensor sines, boolean interleaved) {}
}
