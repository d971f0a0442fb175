package parsimony.attention;

import java.util.List;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;

/**
 * Multi-query attention: all query heads share one head of keys and values, so that the cache of a model of h heads takes 1 / h of the memory and a decoding
 * step reads as much less (Section 3).
 *
 * <p>The paper trains such a model from the start. A trained one is converted here as {@link Gqa} does, by the mean of its heads, and needs to be trained on.
 *
 * <p>Try: {@code mqa}, then {@code parsimony train --from} the result.
 */
@Paper(survey = 115)
public final class Mqa implements Technique<Mqa.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "mqa";
    }

    @Override
    public String idea() {
        return "All query heads share a single head of keys and values, made as the mean of those that they "
                + "had. The cache shrinks to that of one head and a new token reads that much less, but the "
                + "model has to be trained on.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public List<String> showcase() {
        return List.of("mqa");
    }

    @Override
    public Suite suite() {
        return Suite.ATTENTION;
    }

    @Override
    public Transformer apply(Transformer model, Options options, TechniqueContext context) {
        return SharedHeads.convert(name(), model, 1);
    }
}
