package parsimony.quantization;

import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * LLM.int8() (Dettmers et al., 2022): products of 8-bit integers with a scale for each token and each output (vector-wise,
 * Section 3.1), except for the few features of the input that reach the threshold: their columns of W stay in 16 bits and are
 * multiplied by the inputs as they are (mixed-precision decomposition, Section 3.2, Eq. 8).
 *
 * <p>Where we differ: the paper finds the outlier features in each batch as it arrives. Here calibration finds them, so that
 * their weights are stored once, in one form. At run time any other number that reaches the threshold is still left as it
 * is and kept out of its token's scale, but meets a weight of 8 bits. As in the authors' bitsandbytes, an outlier feature that
 * stays below the threshold in some token counts for the scale of that token.
 *
 * <p>Try: {@code threshold=inf} is vector-wise quantization alone; compare the two on {@code planted-outliers}.
 */
@Paper(survey = 7)
public final class LlmInt8 extends LayerwiseCompressor<LlmInt8.Options> {
    private static final int BITS = 8;

    /** @param threshold the magnitude from which an input makes its feature an outlier, above 0; infinite for none */
    public record Options(double threshold) {
        public Options {
            if (!(threshold > 0)) {
                throw new IllegalArgumentException("threshold must be above 0, or inf, not " + threshold);
            }
        }
    }

    @Override
    public String name() {
        return "llm-int8";
    }

    @Override
    public String idea() {
        return "Weights and inputs are multiplied as 8-bit integers, except for the few features of the "
                + "input that are far larger than all others, which stay in 16 bits. A weight takes half the "
                + "memory of 16 bits, and outliers do not spoil the scale of the rest.";
    }

    @Override
    public Options defaults() {
        return new Options(6);
    }

    @Override
    public List<String> showcase() {
        return List.of("llm-int8", "llm-int8:threshold=inf");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Double.isInfinite(options.threshold) ? Statistic.NONE : Statistic.ABSOLUTE_MAXIMUM;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        int[] outliers = outliers(task, options);
        WeightStorage exact = outliers.length == 0 ? null : columns(task, outliers);
        WeightStorage integers = NearestRounding.pack(task, BITS, -1, true, (row, offset, count) -> {
            float largest = 0;
            for (int i = offset; i < offset + count; i++) {
                largest = Math.max(largest, Math.abs(row[i]));
            }
            return Grid.ofMagnitude(largest, BITS, task.scaleType());
        });
        WeightStorage vectorWise = new RoundedInputStorage(
                integers,
                BITS,
                RoundedInputStorage.Range.TOKEN,
                0,
                Math.max((float) options.threshold, Float.MIN_VALUE));
        return exact == null ? vectorWise : new SumStorage(vectorWise, exact);
    }

    /** Takes columns out of the weights. Those with a weight that 16 bits cannot hold get 32. */
    private static ColumnsStorage columns(LinearTask task, int[] chosen) {
        ColumnsStorage columns = ColumnsStorage.of(DataType.F16, task.weights(), chosen);
        for (float weight : columns.decode().array()) {
            if (Float.isInfinite(weight)) {
                columns = ColumnsStorage.of(DataType.F32, task.weights(), chosen);
                break;
            }
        }
        for (int row = 0; row < task.rows(); row++) {
            for (int column : chosen) {
                task.weights().array()[row * task.columns() + column] = 0;
            }
        }
        return columns;
    }

    private static int[] outliers(LinearTask task, Options options) {
        if (Double.isInfinite(options.threshold)) {
            return new int[0];
        }
        double[] largest = task.statistics().absoluteMaximum();
        return IntStream.range(0, largest.length)
                .filter(i -> largest[i] >= options.threshold)
                .toArray();
    }
}
