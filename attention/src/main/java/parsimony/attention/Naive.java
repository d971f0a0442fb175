package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * Attention as the textbook has it: softmax(Q · Kᵀ / √d) · V with the whole matrix of scores in memory. What the others are compared with, in result, time
 * and memory; {@link NaiveAttention} is all of it.
 *
 * <p>Try: {@code naive} and {@code flash} at a context of 16384, and watch the memory.
 */
@Paper(title = "Attention Is All You Need", venue = "NeurIPS", year = 2017, link = "https://arxiv.org/abs/1706.03762")
public final class Naive extends AttentionTechnique<Naive.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "naive";
    }

    @Override
    public String idea() {
        return "All scores between queries and keys are computed as one matrix, which a softmax turns into "
                + "weights of the values. It saves nothing and shows what attention is: memory grows with the "
                + "square of the length of the text.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public List<String> showcase() {
        return List.of("naive");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withKernel(new NaiveAttention());
    }
}
