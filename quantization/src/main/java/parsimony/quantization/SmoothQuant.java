package parsimony.quantization;

import java.util.List;
import parsimony.core.model.InputGroup;
import parsimony.core.technique.InputGroupTask;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.RoundedInputStorage.Range;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * SmoothQuant (Xiao et al., 2023): weights and inputs of 8 bits, so that both factors of every product are integers. A few
 * features of the inputs are far larger than the others and would take all of the range; the weights have no such columns. So
 * the trouble is shared out: x is divided and the columns of W are multiplied by s_j = max|x_j|^α / max|w_j|^(1 − α) (Eq. 4),
 * which the norm before takes into its weight. Largest inputs come from calibration.
 *
 * <p>Where we differ: weights have a scale for each output, as in the paper's runs on models of the Llama family and its code's
 * setting for them; {@code weights=tensor} gives the one scale that Table 2 has for O1 to O3. What attention multiplies, queries
 * with keys and probabilities with values, stays in 32 bits. An input that calibration never saw above 0 keeps s = 1, where the
 * authors' code takes 1e-5, which would multiply whatever comes there later by 1e5.
 *
 * <p>Try: {@code alpha=none}, which is 8 bits without smoothing, beside the default, on the plain model and on {@code
 * planted-outliers}, there also with {@code level=o3}.
 */
@Paper(survey = 16)
public final class SmoothQuant extends LayerwiseCompressor<SmoothQuant.Options> {
    private static final int BITS = 8;
    private static final double LEAST = 1e-5;

    /** What inputs share a scale; Table 2. */
    public enum Level {
        /** Those of one token, found as they arrive. */
        O1,
        /** Those of all tokens of a pass, found as they arrive. */
        O2,
        /** All, found in calibration. */
        O3
    }

    /** What weights share a scale. */
    public enum Weights {
        /** Those of one output. */
        CHANNEL,
        /** All of a matrix. */
        TENSOR
    }

    /**
     * @param alpha how much of the trouble goes to the weights, 0 to 1; null for no smoothing
     * @param level what inputs share a scale
     * @param weights what weights share a scale
     */
    public record Options(Double alpha, Level level, Weights weights) {
        public Options {
            if (alpha != null && !(alpha >= 0 && alpha <= 1)) {
                throw new IllegalArgumentException("alpha must be from 0 to 1, or none, not " + alpha);
            }
            if (level == null) {
                throw new IllegalArgumentException("level must be o1, o2 or o3");
            }
            if (weights == null) {
                throw new IllegalArgumentException("weights must be channel or tensor");
            }
        }
    }

    @Override
    public String name() {
        return "smoothquant";
    }

    @Override
    public String idea() {
        return "The few very large features of the inputs are divided by a scale, and the columns of weights "
                + "that they meet are multiplied by it. The trouble is shared between both, so that weights and "
                + "inputs fit in 8 bits and are multiplied as integers.";
    }

    @Override
    public Options defaults() {
        return new Options(0.5, Level.O1, Weights.CHANNEL);
    }

    @Override
    public List<String> showcase() {
        return List.of("smoothquant", "smoothquant:level=o3,weights=tensor");
    }

    @Override
    protected Statistic statistic(Options options) {
        boolean looks = options.alpha != null || options.level == Level.O3;
        return looks ? Statistic.ABSOLUTE_MAXIMUM : Statistic.NONE;
    }

    @Override
    protected float[] balance(InputGroupTask task, Options options) {
        if (options.alpha == null || task.source() == InputGroup.Source.MATRIX) {
            return null;
        }
        double[] inputs = task.statistics().absoluteMaximum();
        double[] weights = new double[inputs.length];
        for (Tensor matrix : task.weights()) {
            for (int i = 0; i < matrix.size(); i++) {
                int column = i % weights.length;
                weights[column] = Math.max(weights[column], Math.abs(matrix.array()[i]));
            }
        }
        float[] scales = new float[inputs.length];
        for (int i = 0; i < scales.length; i++) {
            double weight = Math.max(weights[i], LEAST);
            double scale = Math.pow(inputs[i], options.alpha) / Math.pow(weight, 1 - options.alpha); // Eq. 4
            scales[i] = inputs[i] == 0 ? 1 : (float) Math.max(scale, LEAST);
        }
        return scales;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        float largest = largest(task.weights().array(), 0, task.weights().size());
        WeightStorage weights = NearestRounding.pack(task, BITS, -1, true, (row, offset, count) -> {
            float magnitude = options.weights == Weights.TENSOR ? largest : largest(row, offset, count);
            return Grid.ofMagnitude(magnitude, BITS, task.scaleType());
        });
        Range range = switch (options.level) {
            case O1 -> Range.TOKEN;
            case O2 -> Range.TENSOR;
            case O3 -> Range.FIXED;
        };
        float scale = 0;
        if (range == Range.FIXED) {
            double magnitude = LEAST;
            for (double input : task.statistics().absoluteMaximum()) {
                magnitude = Math.max(magnitude, input);
            }
            scale = (float) (magnitude / ((1 << (BITS - 1)) - 1));
        }
        return new RoundedInputStorage(weights, BITS, range, scale, Float.POSITIVE_INFINITY);
    }

    private static float largest(float[] weights, int offset, int count) {
        float largest = 0;
        for (int i = offset; i < offset + count; i++) {
            largest = Math.max(largest, Math.abs(weights[i]));
        }
        return largest;
    }
}
