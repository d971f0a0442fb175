package parsimony.speculative;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import parsimony.core.io.LanguageModel;
import parsimony.core.io.LanguageModel.Embedded;
import parsimony.core.io.ModelFile;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;

/** A technique that lets a model write in another way and leaves the model itself alone. Of several that are applied, the last one's way is used. */
abstract class DecodingTechnique<O extends Record> implements Technique<O> {
    /**
     * How the model is to write.
     *
     * @throws TechniqueException if the options do not fit the model
     */
    abstract DecodingStrategy strategy(Transformer model, O options, TechniqueContext context);

    @Override
    public final Transformer apply(Transformer model, O options, TechniqueContext context) {
        return model.withDecoding(strategy(model, options, context));
    }

    @Override
    public boolean readsCalibration() {
        return false;
    }

    @Override
    public final Suite suite() {
        return Suite.SPECULATIVE;
    }

    /** Opens a model that drafts for another one. */
    final Transformer openDraft(String draft, Transformer target) {
        try {
            Optional<Embedded> embedded = Embedded.named(draft);
            Transformer opened = embedded.isPresent()
                    ? LanguageModel.embedded(embedded.get()).transformer()
                    : ModelFile.open(Path.of(draft)).transformer();
            int vocabulary = opened.config().vocabularySize();
            if (vocabulary != target.config().vocabularySize()) {
                throw new TechniqueException(name() + ": the draft " + draft + " has a vocabulary of " + vocabulary
                        + " tokens, the model one of " + target.config().vocabularySize()
                        + "; take a draft with the model's tokenizer");
            }
            return opened;
        } catch (IOException e) {
            throw new TechniqueException(name() + ": the draft cannot be opened: " + e.getMessage(), e);
        }
    }

    static void positive(int value, String name) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, not " + value);
        }
    }
}
