package parsimony.attention;

import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.PositionEncoding;
import parsimony.core.model.Rope;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;

/**
 * ALiBi: positions are not in queries and keys; each score loses m · distance instead, softmax(q · Kᵀ / √d + m · [−(i − 1), …, −1, 0]) (Section 3). The
 * slopes m of n heads are 2^(−8/n), 2^(−16/n), … 2^(−8), so that some heads look near and some far, and a model that was trained with it on short texts
 * reads longer ones. Where n is no power of two, the slopes of the power below come first and then every other one of the power above, as in the authors'
 * code.
 *
 * <p>A model that was trained with rotary positions loses them here and must be trained on.
 *
 * <p>Try: {@code alibi}, then {@code parsimony train --from} the result, and read texts of twice the length that it was trained on.
 */
@Paper(survey = 157)
public final class Alibi extends AttentionTechnique<Alibi.Options> {
    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "alibi";
    }

    @Override
    public String idea() {
        return "Queries and keys carry no positions; instead each score loses a little for every step of "
                + "distance. Longer distances than those of the training only lose more, so that a model "
                + "trained with it on short texts can read longer ones.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public List<String> showcase() {
        return List.of("alibi");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withPositions(new Encoding(new Rope(new double[shape.headSize() / 2], 1, false)));
    }

    /** The slope of a head. */
    static double slope(int head, int heads) {
        int power = Integer.highestOneBit(heads);
        return head < power
                ? Math.pow(2, -8.0 * (head + 1) / power)
                : Math.pow(2, -8.0 * (2 * (head - power) + 1) / (2 * power));
    }

    /** @param still turns by no angle */
    private record Encoding(Rope still) implements PositionEncoding {
        @Override
        public Ops.Rotation rotation(int[] positions) {
            return still.rotation(positions);
        }

        @Override
        public float slope(int head, int heads) {
            return (float) Alibi.slope(head, heads);
        }
    }
}
