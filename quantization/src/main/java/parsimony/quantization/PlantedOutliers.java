package parsimony.quantization;

import java.util.Arrays;
import java.util.List;
import parsimony.core.model.InputGroup;
import parsimony.core.technique.InputGroupTask;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Gives a small model what only large ones have: a few features whose activations are many times larger than all others
 * (Dettmers et al., LLM.int8(), 2022, Section 4). In every norm the channels with the largest activations are made larger
 * still, and the columns of the matrices that read them smaller by the same factor, so that the model computes what it
 * computed before. It saves nothing; it is the test bed of the techniques that exist for outliers: {@code
 * planted-outliers+rtn}, {@code planted-outliers+smoothquant}.
 *
 * <p>Try: with activations of 8 bits a tensor, {@code planted-outliers+smoothquant:alpha=none,level=o3,weights=tensor}, one such channel decides the scale of all others and
 * nothing is left of them. Rounding weights alone to 4 bits loses only the planted inputs, whose columns become zero: {@code channels=4} shows it better.
 */
public final class PlantedOutliers extends LayerwiseCompressor<PlantedOutliers.Options> {
    /**
     * @param factor how many times larger the outliers become
     * @param channels outliers of each norm
     */
    public record Options(double factor, int channels) {
        public Options {
            if (!(factor > 0) || !Double.isFinite(factor)) {
                throw new IllegalArgumentException("factor must be above 0, not " + factor);
            }
            if (channels < 1) {
                throw new IllegalArgumentException("channels must be at least 1, not " + channels);
            }
        }
    }

    @Override
    public String name() {
        return "planted-outliers";
    }

    @Override
    public String idea() {
        return "A few channels of each norm are made many times larger, and the matrices that read them "
                + "smaller by as much, so that the model computes what it did. It saves nothing: it gives a "
                + "small model the outliers of large ones, to test methods against them.";
    }

    @Override
    public Options defaults() {
        return new Options(50, 1);
    }

    @Override
    public List<String> showcase() {
        return List.of(
                "planted-outliers",
                "planted-outliers+smoothquant:alpha=none,level=o3,weights=tensor",
                "planted-outliers+smoothquant:level=o3,weights=tensor",
                "planted-outliers+llm-int8:threshold=inf",
                "planted-outliers+llm-int8",
                "planted-outliers:channels=4+rtn:bits=4,group=32",
                "planted-outliers:channels=4+awq:bits=4,group=32");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.ABSOLUTE_MAXIMUM;
    }

    @Override
    protected float[] balance(InputGroupTask task, Options options) {
        if (task.source() == InputGroup.Source.MATRIX) {
            return null;
        }
        double[] largest = task.statistics().absoluteMaximum();
        double[] descending =
                Arrays.stream(largest).map(x -> -x).sorted().map(x -> -x).toArray();
        double least = descending[Math.min(options.channels, descending.length) - 1];
        float[] factors = new float[largest.length];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = largest[i] >= least ? (float) (1 / options.factor) : 1;
        }
        return factors;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        return DenseStorage.of(DataType.F32, new TensorStorage(task.weights()));
    }
}
