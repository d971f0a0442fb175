package parsimony.pruning;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Statistic;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.WeightStorage;

/**
 * Wanda: weights go by |w| · ‖x‖, their magnitude times the norm of the input that they are multiplied with, compared within each output (Eq. 1). No
 * update of what stays. It is SparseGPT's score where inputs are uncorrelated.
 *
 * <p>As in the authors' code: ⌊inputs · sparsity⌋ weights of each output go, of equal ones the earlier. Its variant lets outputs differ: each loses the
 * weights with the lowest scores that make up a share α of the sum of its scores, one α for the matrix, halved in until the sparsity is met to a
 * thousandth. That code looks for α below 0.8 and so does not reach all sparsities; ours looks up to 1 where it must.
 *
 * <p>Try: {@code planted-outliers+wanda} beside {@code planted-outliers+magnitude}.
 */
@Paper(survey = 26)
public final class Wanda extends LayerwiseCompressor<Wanda.Options> {
    private static final double TOLERANCE = 0.001;
    private static final double LARGEST_SHARE = 0.8;

    /**
     * @param sparsity share of the weights that go, where there is no pattern
     * @param pattern n of every m inputs that stay, such as 2:4; null for no pattern
     * @param variant whether outputs may lose different numbers of weights; with a pattern they cannot
     * @param type the format of a weight that stays
     */
    public record Options(double sparsity, Pattern pattern, boolean variant, DataType type) {
        public Options {
            PruningMask.checkOptions(sparsity, type);
            if (variant && pattern != null) {
                throw new IllegalArgumentException(
                        "variant chooses how many weights each output loses, which pattern=" + pattern + " fixes");
            }
        }
    }

    @Override
    public String name() {
        return "wanda";
    }

    @Override
    public String idea() {
        return "A weight is set to zero if its magnitude times the size of the input that it meets is among "
                + "the smallest of its output. Zeros need not be stored, and a look at the inputs tells which "
                + "weights matter, without gradients or updates.";
    }

    @Override
    public Options defaults() {
        return new Options(0.5, null, false, DataType.BF16);
    }

    @Override
    public List<String> showcase() {
        return List.of("wanda:sparsity=0.5", "wanda:pattern=4:8", "wanda:pattern=2:4");
    }

    @Override
    protected Statistic statistic(Options options) {
        return Statistic.SQUARED_NORM;
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        int columns = task.columns();
        float[] weights = task.weights().array();
        double[] norms =
                Arrays.stream(task.statistics().squaredNorm()).map(Math::sqrt).toArray();
        PruningMask.Score score = (row, column) -> Math.abs(weights[row * columns + column]) * norms[column];
        PruningMask mask = new PruningMask(task);
        if (options.pattern != null) {
            mask.prune(options.pattern, score);
        } else {
            int[][] orders = new int[task.rows()][];
            task.backend().parallel(task.rows(), row -> orders[row] = ascending(row, columns, score));
            int[] lost = new int[task.rows()];
            Arrays.fill(lost, (int) (columns * options.sparsity));
            if (options.variant) {
                lost = lostByShare(orders, columns, options.sparsity, score);
            }
            for (int row = 0; row < lost.length; row++) {
                for (int i = 0; i < lost[row]; i++) {
                    mask.prune(row, orders[row][i]);
                }
            }
        }
        return mask.store(options.type);
    }

    private static int[] ascending(int row, int columns, PruningMask.Score score) {
        return IntStream.range(0, columns)
                .boxed()
                .sorted(Comparator.comparingDouble(column -> score.of(row, column)))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** How many weights each output loses, with the share α that meets the sparsity. */
    private static int[] lostByShare(int[][] orders, int columns, double sparsity, PruningMask.Score score) {
        double[][] sums = new double[orders.length][columns];
        for (int row = 0; row < orders.length; row++) {
            double sum = 0;
            for (int i = 0; i < columns; i++) {
                sum += score.of(row, orders[row][i]);
                sums[row][i] = sum;
            }
        }
        double low = 0;
        double high = reached(lost(sums, LARGEST_SHARE), columns) < sparsity ? 1 : LARGEST_SHARE;
        while (true) {
            double share = (low + high) / 2;
            int[] lost = lost(sums, share);
            double reached = reached(lost, columns);
            if (Math.abs(reached - sparsity) <= TOLERANCE || high - low < TOLERANCE) {
                return lost;
            }
            if (reached > sparsity) {
                high = share;
            } else {
                low = share;
            }
        }
    }

    private static int[] lost(double[][] sums, double share) {
        int[] lost = new int[sums.length];
        for (int row = 0; row < lost.length; row++) {
            double most = share * sums[row][sums[row].length - 1];
            lost[row] =
                    (int) Arrays.stream(sums[row]).filter(sum -> sum <= most).count();
        }
        return lost;
    }

    private static double reached(int[] lost, int columns) {
        return Arrays.stream(lost).sum() / ((double) lost.length * columns);
    }
}
