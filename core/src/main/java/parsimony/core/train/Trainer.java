package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/**
 * Trains parameters to predict the next token. The state after step n depends on the seed, the data and the
 * options alone: a run that is killed and resumed ends with the same bits as one that was not.
 */
public final class Trainer {
    private final Transformer model;
    private final TrainingData data;
    private final Backend backend;
    private final TrainingOptions options;
    private final Optimizer optimizer;
    private final TrainingState state;
    private Optimizer.Update lastUpdate;

    /** Trains all of the model's trainable parameters with AdamW, from their values on. */
    public Trainer(Transformer model, TrainingData data, Backend backend, TrainingOptions options) {
        this(
                model,
                model.trainableParameters(),
                new AdamW(model.trainableParameters(), backend, options),
                data,
                backend,
                options);
    }

    /**
     * @param model computes with the parameters
     * @param parameters what is trained, by name, from their values on
     * @param optimizer updates them
     */
    public Trainer(
            Transformer model,
            Map<String, Tensor> parameters,
            Optimizer optimizer,
            TrainingData data,
            Backend backend,
            TrainingOptions options) {
        this.model = model;
        this.data = data;
        this.backend = backend;
        this.options = options;
        this.optimizer = optimizer;
        Map<String, Tensor> kept = new LinkedHashMap<>(parameters);
        kept.putAll(optimizer.state());
        this.state = new TrainingState(kept);
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

    /** What the last step took; null before the first. */
    public Optimizer.Update lastUpdate() {
        return lastUpdate;
    }

    /**
     * Makes updates, between which a device keeps what it has; parameters are at hand again afterwards, or for who asks for them.
     *
     * @param most updates to make, fewer if training ends before
     * @param reports hears how each went
     */
    public void runSteps(int most, Consumer<Report> reports) {
        backend.pass(() -> {
            for (int i = 0; i < most && !isDone(); i++) {
                reports.accept(runStep());
            }
            return null;
        });
    }

    /** Makes one update and says how it went. */
    public Report runStep() {
        int step = state.step();
        double learningRate = options.learningRate(step);
        lastUpdate = backend.pass(() -> optimizer.update(new StepLoss(step), step, learningRate));
        state.advance();
        return new Report(step + 1, lastUpdate.loss(), learningRate, lastUpdate.gradientNorm());
    }

    /** The sequences of one step. */
    private final class StepLoss implements BatchLoss {
        private final int context;
        private final long firstSequence;
        private final Ops ops = new Ops(backend);

        StepLoss(int step) {
            context = options.stage(step).context();
            firstSequence = (long) step * (options.tokensPerStep() / context);
        }

        @Override
        public int passes() {
            return options.tokensPerStep() / options.tokensPerPass();
        }

        @Override
        public double forward(int pass) {
            int sequences = options.tokensPerPass() / context;
            TrainingData.Batch batch = data.batch(firstSequence + (long) pass * sequences, sequences, context);
            Tensor logits = model.forward(ForwardContext.batch(ops, batch.inputs(), context));
            return ops.crossEntropy(logits, batch.targets(), 1f / passes());
        }
    }

    /**
     * @param step updates that are done
     * @param loss mean negative log-likelihood a token, in nats, before the update
     * @param learningRate of the update
     * @param gradientNorm before clipping
     */
    public record Report(int step, double loss, double learningRate, double gradientNorm) {}
}
