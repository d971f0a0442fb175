package parsimony.attention;

import java.util.List;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * FlashAttention: the matrix of scores is never stored. A block of queries goes over the keys a tile at a time and keeps, beside its output, the greatest
 * score m and the sum l of exponentials so far; with a new tile
 *
 * <pre>  m' = max(m, max S)   l' = exp(m − m') · l + Σ exp(S − m')   O' = exp(m − m') · O + exp(S − m') · V</pre>
 *
 * and O is divided by l once, at the end. The result is exact; memory grows with the length of the text and not with its square. The backward pass gets
 * the probabilities again as exp(S − log Σ exp). Tiles that nobody sees, half of them in a causal text, are skipped.
 *
 * <p>Second version: blocks of queries are independent, so that they run in parallel even if there is one head. In the backward pass the paper runs
 * blocks of keys in parallel and adds to the gradients of the queries atomically; here blocks of keys meet blocks of queries in turns, so that no two
 * add to the same place and the sums have one order. What is on-chip memory there is the second-level cache of a core here. Models are made with this
 * kernel already; with the technique its tiles can be chosen.
 *
 * <p>Try: {@code flash:queries=32,keys=32} against {@code flash} at a context of 4096, then {@code naive}.
 */
@Paper(survey = {267, 269})
public final class Flash extends AttentionTechnique<Flash.Options> {
    /**
     * @param queries rows of a tile
     * @param keys columns of a tile
     */
    public record Options(int queries, int keys) {
        public Options {
            positive(queries, "queries");
            positive(keys, "keys");
        }
    }

    @Override
    public String name() {
        return "flash";
    }

    @Override
    public String idea() {
        return "Keys are read a tile at a time, with a running maximum and sum that keep the softmax exact, "
                + "so that the matrix of scores is never stored. Memory grows with the length of the text "
                + "instead of its square, and tiles stay in fast caches.";
    }

    @Override
    public Options defaults() {
        return new Options(FlashAttention.QUERIES, FlashAttention.KEYS);
    }

    @Override
    public List<String> showcase() {
        return List.of("flash");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withKernel(new FlashAttention(options.queries, options.keys, FlashDecoding.SPLIT));
    }
}
