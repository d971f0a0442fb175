package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import parsimony.core.ModelFormatException;
import parsimony.core.backend.Backend;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.technique.Techniques;

/**
 * A technique that makes a trained model follow another text, by changing few numbers or by changing all of them at less cost. Implementations keep no state: what
 * one training holds is its {@link Tuning}.
 */
public interface FineTuner<O extends Record> extends Technique<O> {
    /**
     * Readies a copy of the model for training; {@code base} itself stays as it is.
     *
     * @throws TechniqueException if this model cannot be tuned so, with a sentence for the user
     */
    Tuning prepare(Transformer base, O options, Setup setup);

    /** A peak of the learning rate to try others around. */
    double learningRate();

    /** The {@code peft_type} of the adapter files that this technique writes and reads; null if it changes the model's own weights. */
    default String adapterType() {
        return null;
    }

    /**
     * Puts what was learned before on a copy of the model.
     *
     * @throws ModelFormatException if the file does not fit the model
     */
    default Transformer attach(Transformer base, AdapterFile file) throws ModelFormatException {
        throw new TechniqueException(name() + " changes the model's own weights and has no adapter files");
    }

    /**
     * Puts an adapter on a copy of a model, with the technique that reads its kind.
     *
     * @throws ModelFormatException if no technique reads it, or it does not fit the model
     */
    static Transformer attach(Transformer base, Path folder) throws IOException {
        AdapterFile file = AdapterFile.read(folder);
        for (Technique<?> technique : Techniques.all()) {
            if (technique instanceof FineTuner<?> tuner && file.type().equals(tuner.adapterType())) {
                return tuner.attach(base, file);
            }
        }
        throw file.refused("no technique here reads adapters of the type " + file.type());
    }

    /**
     * What a training is given.
     *
     * @param training how long it is, and AdamW's settings
     * @param seed of every random choice
     */
    record Setup(Backend backend, TrainingOptions training, long seed) {}

    @Override
    default Suite suite() {
        return Suite.FINETUNE;
    }

    /**
     * A short training on the calibration text whose result is merged into the weights: what a technique before this one lost is to be regained.
     */
    @Override
    default Transformer apply(Transformer model, O options, TechniqueContext context) {
        return CalibrationTraining.train(this, model, options, context);
    }

    @Override
    default List<String> showcase() {
        return List.of(name());
    }
}
