package parsimony.core.train;

import java.util.Map;
import java.util.Optional;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;

/**
 * A model that is being fine-tuned.
 *
 * @param model computes with the parameters as they are now
 * @param parameters what is trained, by name
 * @param optimizer updates them
 * @param setup as it was asked for
 * @param format writes what was learned as a file of its own; null where the model's own weights are trained
 */
public record Tuning(
        Transformer model, Map<String, Tensor> parameters, Optimizer optimizer, FineTuner.Setup setup, Format format) {

    /** How an adapter is written. */
    @FunctionalInterface
    public interface Format {
        /** What was learned up to now. */
        AdapterFile file();
    }

    /** Trains the parameters on a text. */
    public Trainer trainer(TrainingData data) {
        return new Trainer(model, parameters, optimizer, data, setup.backend(), setup.training());
    }

    /** How many numbers are trained. */
    public long trainableParameters() {
        return parameters.values().stream().mapToLong(Tensor::size).sum();
    }

    /** What was learned, as a file of its own; empty where the model's own weights were trained. */
    public Optional<AdapterFile> adapter() {
        return Optional.ofNullable(format).map(Format::file);
    }

    /** A frozen model that computes as this one does now, without adapters if they can be merged. */
    public Transformer finished() {
        return (model.isMergeable() ? model.merged() : model).frozen();
    }
}
