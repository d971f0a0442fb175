package parsimony.lora;

import java.util.Map;
import java.util.function.Consumer;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.BatchLoss;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Optimizer;
import parsimony.core.train.Tuning;

/**
 * LOMO: low-memory optimization. All weights are trained, by gradient descent without memory, and each is updated as soon as the backward pass has its gradient, which is then forgotten: no more
 * than the largest few gradients are held at a time, and no optimizer state at all (Alg. 1).
 *
 * <p>To clip by the norm of all gradients together, the norm has to be known before the first update: the backward pass runs twice, as in the paper (Section 3.3). Gradients cannot be added
 * up over passes, so each pass of a step is an update of its own.
 */
@Paper(survey = 94)
public final class Lomo implements FineTuner<Lomo.Options> {
    /** @param clip largest Euclidean norm of the gradient of all weights together, at the price of a second backward pass; none for no limit */
    public record Options(Double clip) {
        public Options {
            if (clip != null && !(clip > 0)) {
                throw new IllegalArgumentException("clip must be above 0, or none, not " + clip);
            }
        }
    }

    @Override
    public String name() {
        return "lomo";
    }

    @Override
    public String idea() {
        return "All weights are trained by plain gradient descent, and each is updated as soon as its "
                + "gradient is known, which is then forgotten. So neither all gradients nor the state of an "
                + "optimizer are in memory at any time.";
    }

    @Override
    public Options defaults() {
        return new Options(1.0);
    }

    @Override
    public double learningRate() {
        return 0.1;
    }

    @Override
    public Tuning prepare(Transformer base, Options options, Setup setup) {
        Transformer model = base.merged().trainable();
        Map<String, Tensor> parameters = model.trainableParameters();
        return new Tuning(model, parameters, new Fused(parameters, setup.backend(), options.clip), setup, null);
    }

    /** Updates within the backward pass. */
    private static final class Fused implements Optimizer {
        private final Map<String, Tensor> parameters;
        private final Backend backend;
        private final Double clip;

        Fused(Map<String, Tensor> parameters, Backend backend, Double clip) {
            this.parameters = parameters;
            this.backend = backend;
            this.clip = clip;
        }

        @Override
        public Update update(BatchLoss loss, int step, double learningRate) {
            double losses = 0;
            double norm = 0;
            long[] bytes = new long[2];
            for (int pass = 0; pass < loss.passes(); pass++) {
                // A pass' gradients are those of the mean over all passes, but here each pass is a step of its own.
                double rate = learningRate * loss.passes();
                if (clip != null) {
                    double[] squares = new double[1];
                    losses += backward(
                            loss, pass, gradient -> squares[0] += backend.sumOfSquares(gradient.gradient()), bytes);
                    norm = Math.sqrt(squares[0]) * loss.passes();
                    rate *= Math.min(1, clip / norm);
                    double clipped = rate;
                    backward(loss, pass, parameter -> descend(parameter, clipped), bytes);
                } else {
                    double[] squares = new double[1];
                    double unclipped = rate;
                    losses += backward(
                            loss,
                            pass,
                            parameter -> {
                                squares[0] += backend.sumOfSquares(parameter.gradient());
                                descend(parameter, unclipped);
                            },
                            bytes);
                    norm = Math.sqrt(squares[0]) * loss.passes();
                }
            }
            return new Update(losses / loss.passes(), norm, bytes[0], bytes[1]);
        }

        /** w ← w − learningRate · g (Alg. 1, line 10). */
        private void descend(Tensor parameter, double learningRate) {
            backend.addScaled((float) -learningRate, parameter.gradient(), parameter);
        }

        /** One forward and backward pass in which each gradient is used once and forgotten; notes the bytes of gradients and of activations. */
        private double backward(BatchLoss loss, int pass, Consumer<Tensor> use, long[] bytes) {
            Tape tape = new Tape();
            double result = tape.record(() -> loss.forward(pass));
            bytes[1] = Math.max(bytes[1], tape.savedBytes());
            tape.backward(parameter -> {
                bytes[0] = Math.max(bytes[0], heldBytes());
                use.accept(parameter);
                parameter.setGradient(null);
            });
            return result;
        }

        private long heldBytes() {
            return parameters.values().stream()
                    .filter(parameter -> parameter.gradient() != null)
                    .mapToLong(parameter -> (long) Float.BYTES * parameter.size())
                    .sum();
        }

        @Override
        public Map<String, Tensor> state() {
            return Map.of();
        }
    }
}
