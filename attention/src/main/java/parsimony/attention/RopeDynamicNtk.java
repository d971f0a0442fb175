package parsimony.attention;

import java.util.Arrays;
import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.PositionEncoding;
import parsimony.core.model.Rope;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.Tensor;

/**
 * Dynamic NTK scaling: {@link RopeNtk} whose factor grows with the text, s = α · l / L − (α − 1) at a length of l, and is 1 up to the L positions that the
 * model was trained on, so that short texts lose nothing.
 *
 * <p>As in the widely used implementations, keys in the cache stay as they were turned when the text was shorter; the paper on YaRN advises to turn them
 * again (Section 3.3). A text that is read at once is exact. Every row of a pass counts the last position that its own sequence reaches in it.
 *
 * <p>Try: {@code rope-dynamic-ntk} on texts of one, two and four times the model's context.
 */
@Paper(survey = 152)
public final class RopeDynamicNtk extends AttentionTechnique<RopeDynamicNtk.Options> {
    /**
     * @param alpha α, how steeply the stretch grows
     * @param context L, positions that the model was trained on; none for what the model says of itself
     */
    public record Options(double alpha, Integer context) {
        public Options {
            if (!(alpha >= 1 && alpha < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException("alpha must be at least 1 and finite, not " + alpha);
            }
            if (context != null) {
                positive(context, "context");
            }
        }
    }

    @Override
    public String name() {
        return "rope-dynamic-ntk";
    }

    @Override
    public String idea() {
        return "The slow rotations of the position encoding are stretched as the text grows, and not at all "
                + "while it fits. Short texts lose nothing, and texts longer than those of the training can be "
                + "read without training again.";
    }

    @Override
    public Options defaults() {
        return new Options(1, null);
    }

    @Override
    public List<String> showcase() {
        return List.of("rope-dynamic-ntk");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        int trained = options.context == null ? shape.contextLength() : options.context;
        return before.withPositions(
                new Encoding(shape.rope().encoding(shape.headSize()), shape.headSize(), options.alpha, trained));
    }

    /** Rotary positions whose frequencies depend on the length of the text. */
    record Encoding(Rope rope, int headSize, double alpha, int trained) implements PositionEncoding {
        /** The angles of a text of {@code length} positions. */
        Rope at(int length) {
            double stretch = length <= trained ? 1 : alpha * length / trained - (alpha - 1);
            return rope.stretched(RopeNtk.factors(headSize, stretch), 1);
        }

        @Override
        public Ops.Rotation rotation(int[] positions) {
            return at(Arrays.stream(positions).max().orElse(-1) + 1).rotation(positions);
        }

        @Override
        public Ops.Rotation rotation(int[] positions, int[] lengths) {
            int half = headSize / 2;
            Tensor cosines = Tensor.zeros(positions.length, half);
            Tensor sines = Tensor.zeros(positions.length, half);
            boolean interleaved = false;
            int first = 0;
            while (first < positions.length) {
                int end = first + 1;
                while (end < positions.length && lengths[end] == lengths[first]) {
                    end++;
                }
                Ops.Rotation part = at(lengths[first]).rotation(Arrays.copyOfRange(positions, first, end));
                System.arraycopy(part.cosines().array(), 0, cosines.array(), first * half, (end - first) * half);
                System.arraycopy(part.sines().array(), 0, sines.array(), first * half, (end - first) * half);
                interleaved = part.interleaved();
                first = end;
            }
            return new Ops.Rotation(cosines, sines, interleaved);
        }
    }
}
