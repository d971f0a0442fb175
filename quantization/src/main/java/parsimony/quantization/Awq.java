package parsimony.quantization;

import java.util.Arrays;
import java.util.List;
import parsimony.core.technique.InputGroupTask;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * AWQ (Lin et al., 2023): a weight matters as much as the input that it meets. Columns of W that meet large inputs are made
 * larger by a scale s before rounding, so that they lose less of themselves, and whatever makes these inputs is divided by s:
 * y = Q(W · diag(s)) · (diag(s)⁻¹ · x). The scale of an input is s = mean|x|^α; of 20 exponents α the one is taken that leaves
 * the outputs of the block's part that these matrices belong to the nearest to what they were (Eq. 4 and 5). Then each group
 * may give up its largest weights for a finer grid, if the outputs of the layer gain by it. The result is plain integers in
 * groups: nothing is left to do at run time.
 *
 * <p>Details that the paper does not tell are those of the authors' code, llm-awq. Where we differ:
 * <ul>
 *   <li>Their code runs calibration through the uncompressed model; here each block reads what the compressed ones
 *       before it give.
 *   <li>Their grid spans the least to the largest weight of a group with a zero point inside the codes, which misses a group
 *       on one side of 0: the part of it beyond the span is cut off. So does ours, unless all weights of the group would
 *       become one; then the grid is made to span 0 too. Nor do we keep a span from falling below 1e-5.
 *   <li>Where several heads share keys and values the input of the output projection gets no scales; theirs does the same.
 * </ul>
 *
 * <p>Try: {@code clip=false} to see what the scales do alone, {@code grid=1} to see what clipping does alone, and {@code
 * planted-outliers+awq} beside {@code planted-outliers+rtn}.
 */
@Paper(survey = 3)
public final class Awq extends LayerwiseCompressor<Awq.Options> {
    /** Ranges that are tried for a group: 100 %, 95 % … 55 % of its largest magnitude. */
    private static final int SHRINKS = 10;

    private static final double SHRINK_STEP = 0.05;

    /** Inputs on which ranges are compared. */
    private static final int SAMPLED_TOKENS = 512;

    private static final double LEAST_SCALE = 1e-4;

    /**
     * @param bits of one weight, 2 to 8
     * @param group weights of a row that share a scale; −1 for the whole row
     * @param symmetric whether 0 is the middle of the grid, so that no zero points are kept
     * @param clip whether to search for smaller ranges
     * @param grid how many exponents 0, 1 / grid, 2 / grid … are tried; 1 leaves the columns as they are
     */
    public record Options(int bits, int group, boolean symmetric, boolean clip, int grid) {
        public Options {
            RoundToNearest.checkGrid(bits, group);
            if (grid < 1) {
                throw new IllegalArgumentException("grid must be at least 1, not " + grid);
            }
        }
    }

    @Override
    public String name() {
        return "awq";
    }

    @Override
    public String idea() {
        return "Columns of weights that meet large inputs are scaled up before rounding, and these inputs "
                + "are scaled down by as much. The weights that matter most lose least, so that 3 or 4 plain "
                + "bits go further and nothing is left to do at run time.";
    }

    @Override
    public Options defaults() {
        return new Options(4, 128, false, true, 20);
    }

    @Override
    public List<String> showcase() {
        return List.of("awq:bits=4,group=32", "awq", "awq:bits=3,group=32");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.INPUTS;
    }

    @Override
    protected float[] balance(InputGroupTask task, Options options) {
        double[] losses = losses(task, options);
        int best = -1;
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < losses.length; i++) {
            if (losses[i] < least) {
                least = losses[i];
                best = i;
            }
        }
        return best < 1 ? null : scales(task.statistics().meanAbsolute(), best, options);
    }

    /** What each exponent loses; Eq. 4. */
    static double[] losses(InputGroupTask task, Options options) {
        double[] magnitudes = task.statistics().meanAbsolute();
        double[] losses = new double[options.grid];
        for (int i = 0; i < losses.length; i++) {
            float[] scales = scales(magnitudes, i, options);
            losses[i] = task.loss(weights -> {
                NearestRounding.round(
                        weights, scales, options.group, task.backend(), fitter(options, task.scaleType()));
                return weights;
            });
        }
        return losses;
    }

    /** s = mean|x|^α (Eq. 5) for α = step / grid, moved so that the largest and the least are one another's inverse. */
    private static float[] scales(double[] magnitudes, int step, Options options) {
        double exponent = (double) step / options.grid;
        double[] powers = Arrays.stream(magnitudes)
                .map(x -> Math.max(Math.pow(x, exponent), LEAST_SCALE))
                .toArray();
        double middle = Math.sqrt(Arrays.stream(powers).max().orElseThrow()
                * Arrays.stream(powers).min().orElseThrow());
        float[] scales = new float[powers.length];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = (float) (powers[i] / middle);
        }
        return scales;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        GroupRounding.Fitter fitter = fitter(options, task.scaleType());
        // Queries and keys meet in a product, where the error of one alone tells little.
        boolean inProduct = task.name().endsWith("q_proj") || task.name().endsWith("k_proj");
        if (options.clip && !inProduct) {
            clip(task, options, fitter);
        }
        return NearestRounding.pack(task, options.bits, options.group, options.symmetric, fitter);
    }

    private static GroupRounding.Fitter fitter(Options options, DataType scaleType) {
        return (weights, offset, count) -> {
            float minimum = weights[offset];
            float maximum = weights[offset];
            for (int i = offset + 1; i < offset + count; i++) {
                minimum = Math.min(minimum, weights[i]);
                maximum = Math.max(maximum, weights[i]);
            }
            if (options.symmetric) {
                return Grid.ofMagnitude(Math.max(-minimum, maximum), options.bits, scaleType);
            }
            float span = maximum - minimum;
            boolean beside = minimum >= span || -maximum >= span;
            return beside
                    ? Grid.fit(weights, offset, count, options.bits, false, scaleType)
                    : Grid.between(minimum, maximum, options.bits, scaleType);
        };
    }

    /**
     * Clips the weights of each group of each row to the range with which the layer's outputs change least: by Σ (x · d)² = dᵀ · Σ x xᵀ · d over the
     * sampled inputs x, where d is how the group changes.
     */
    private static void clip(LinearTask task, Options options, GroupRounding.Fitter fitter) {
        Tensor sample = task.statistics().sampledInputs(SAMPLED_TOKENS);
        int columns = task.columns();
        int groupSize = options.group == -1 ? columns : Math.min(options.group, columns);
        for (int first = 0; first < columns; first += groupSize) {
            int count = Math.min(groupSize, columns - first);
            Matrix inputs = sample.matrix().columns(first, count);
            Tensor products = Tensor.zeros(count, count);
            task.backend().multiply(inputs, true, inputs, false, products.matrix(), false);
            clipGroup(task, first, products, fitter);
        }
    }

    /** @param products Σ x xᵀ of this group's inputs [weights of the group, weights of the group] */
    private static void clipGroup(LinearTask task, int first, Tensor products, GroupRounding.Fitter fitter) {
        int rows = task.rows();
        int count = products.columns();
        Matrix weights = task.weights().matrix().columns(first, count);
        float[] limits = new float[rows];
        double[] least = new double[rows];
        Arrays.fill(least, Double.POSITIVE_INFINITY);
        float[] largest = new float[rows];
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < count; i++) {
                largest[row] = Math.max(largest[row], Math.abs(weights.get(row, i)));
            }
            limits[row] = largest[row];
        }
        Tensor change = Tensor.zeros(rows, count);
        Tensor weighted = Tensor.zeros(rows, count);
        for (int shrink = 0; shrink < SHRINKS; shrink++) {
            double share = 1 - SHRINK_STEP * shrink;
            task.backend().parallel(rows, row -> {
                float limit = (float) (share * largest[row]);
                int start = row * count;
                float[] numbers = change.array();
                for (int i = 0; i < count; i++) {
                    numbers[start + i] = Math.clamp(weights.get(row, i), -limit, limit);
                }
                Grid grid = fitter.fit(numbers, start, count);
                for (int i = 0; i < count; i++) {
                    numbers[start + i] = grid.round(numbers[start + i]) - weights.get(row, i);
                }
            });
            task.backend().multiply(change.matrix(), false, products.matrix(), false, weighted.matrix(), false);
            for (int row = 0; row < rows; row++) {
                double error = 0;
                for (int i = row * count; i < (row + 1) * count; i++) {
                    error += (double) change.array()[i] * weighted.array()[i];
                }
                if (error < least[row]) {
                    least[row] = error;
                    limits[row] = (float) (share * largest[row]);
                }
            }
        }
        for (int row = 0; row < rows; row++) {
            for (int i = 0; i < count; i++) {
                int at = weights.offset() + row * weights.stride() + i;
                weights.data()[at] = Math.clamp(weights.data()[at], -limits[row], limits[row]);
            }
        }
    }
}
