package parsimony.attention;

import java.util.List;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;

/**
 * Grouped-query attention: the query heads of a group share one head of keys and values, so that the cache shrinks and decoding reads less. A trained
 * checkpoint is converted by taking the mean of the key and value projections of the heads that come together (Section 2.1, Fig. 1), and trained on for a
 * small part of its original steps.
 *
 * <p>The conversion alone, which is what this does, costs quality; {@code parsimony train --from} the result is the up-training. A model whose heads are shared
 * already can be made to share more.
 *
 * <p>Try: {@code gqa:groups=2}, measured before and after up-training.
 */
@Paper(survey = 114)
public final class Gqa implements Technique<Gqa.Options> {
    /** @param groups key/value heads that are left; divides those that there are */
    public record Options(int groups) {
        public Options {
            AttentionTechnique.positive(groups, "groups");
        }
    }

    @Override
    public String name() {
        return "gqa";
    }

    @Override
    public String idea() {
        return "The query heads of a group share one head of keys and values, made as the mean of those that "
                + "they had. The cache shrinks by the size of a group and a new token reads that much less, but "
                + "the model has to be trained on.";
    }

    @Override
    public Options defaults() {
        return new Options(8);
    }

    @Override
    public List<String> showcase() {
        return List.of("gqa:groups=2");
    }

    @Override
    public Suite suite() {
        return Suite.ATTENTION;
    }

    @Override
    public Transformer apply(Transformer model, Options options, TechniqueContext context) {
        return SharedHeads.convert(name(), model, options.groups);
    }
}
