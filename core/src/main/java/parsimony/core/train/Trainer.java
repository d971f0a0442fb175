package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/**
 * Trains the trainable parameters of a transformer to predict the next token, with AdamW. The state after step n depends on the seed, the data and the
 * options alone: a run that is killed and resumed ends with the same bits as one that was not.
 */
public final class Trainer {
    private static final float ADAM_EPSILON = 1e-8f;

    private final Transformer model;
    private final TrainingData data;
    private final Backend backend;
    private final TrainingOptions options;
    private final TrainingState state;

    /** Starts from the model's weights as they are. */
    public Trainer(Transformer model, TrainingData data, Backend backend, TrainingOptions options) {
        this.model = model;
        this.data = data;
        this.backend = backend;
        this.options = options;
        this.state = new TrainingState(model.trainableParameters());
    }

    /** Steps that are done. */
    public int step() {
        return state.step();
    }

    /** Goes on from what {@link #save} wrote. */
    public void load(Path checkpoint) throws IOException {
        state.load(checkpoint);
    }

    /** Writes parameters, optimizer state and step, all or nothing. */
    public void save(Path checkpoint) throws IOException {
        state.save(checkpoint);
    }

    public boolean isDone() {
        return state.step() >= options.steps();
    }

    /** Makes one update and says how it went. */
    public Report runStep() {
        int step = state.step();
        int context = options.stage(step).context();
        double learningRate = options.learningRate(step);
        int passes = options.tokensPerStep() / options.tokensPerPass();
        long firstSequence = (long) step * (options.tokensPerStep() / context);
        Ops ops = new Ops(backend);
        double loss = 0;
        for (int pass = 0; pass < passes; pass++) {
            loss += pass(ops, firstSequence + (long) pass * (options.tokensPerPass() / context), context, 1f / passes);
        }
        double norm = gradientNorm();
        float scale = (float) (options.clip() > 0 && norm > options.clip() ? options.clip() / norm : 1);
        state.parameters().forEach((name, parameter) -> {
            Tensor gradient = parameter.gradient();
            if (gradient == null) {
                return;
            }
            double weightDecay = parameter.rank() > 1 ? options.weightDecay() : 0;
            Backend.AdamWStep update = new Backend.AdamWStep(
                    (float) learningRate,
                    (float) options.beta1(),
                    (float) options.beta2(),
                    ADAM_EPSILON,
                    (float) weightDecay,
                    step + 1);
            backend.adamW(parameter, gradient, scale, state.firstMoment(name), state.secondMoment(name), update);
            parameter.setGradient(null);
        });
        state.advance();
        return new Report(step + 1, loss / passes, learningRate, norm);
    }

    /** One forward and backward pass; gradients are added to the parameters'. */
    private double pass(Ops ops, long firstSequence, int context, float lossScale) {
        int sequences = options.tokensPerPass() / context;
        int[] inputs = new int[sequences * context];
        int[] targets = new int[sequences * context];
        int[] input = new int[context];
        int[] target = new int[context];
        for (int i = 0; i < sequences; i++) {
            data.read(firstSequence + i, context, input, target);
            System.arraycopy(input, 0, inputs, i * context, context);
            System.arraycopy(target, 0, targets, i * context, context);
        }
        Tape tape = new Tape();
        double loss = tape.record(
                () -> ops.crossEntropy(model.forward(ForwardContext.batch(ops, inputs, context)), targets, lossScale));
        tape.backward();
        return loss;
    }

    private double gradientNorm() {
        double sum = 0;
        for (Map.Entry<String, Tensor> parameter : state.parameters().entrySet()) {
            Tensor gradient = parameter.getValue().gradient();
            sum += gradient == null ? 0 : backend.sumOfSquares(gradient);
        }
        return Math.sqrt(sum);
    }

    /**
     * @param step updates that are done
     * @param loss mean negative log-likelihood a token, in nats, before the update
     * @param learningRate of the update
     * @param gradientNorm before clipping
     */
    public record Report(int step, double loss, double learningRate, double gradientNorm) {}
}
