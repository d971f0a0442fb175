package parsimony.pruning;

import java.util.List;
import parsimony.core.technique.LayerwiseCompressor;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.WeightStorage;

/**
 * Magnitude pruning: the smallest weights |w| of a matrix go, whatever they are multiplied with. No calibration, no update; the baseline that every other
 * method must beat.
 *
 * <p>As in the code of Wanda, where it is the baseline, one threshold holds for a whole matrix, and the weight at the threshold goes too.
 *
 * <p>Try: {@code sparsity=0.5} beside {@code wanda}; with {@code pattern=2:4} it loses most, for it cannot choose freely.
 */
@Paper(
        title = "Learning both Weights and Connections for Efficient Neural Networks",
        venue = "NeurIPS",
        year = 2015,
        link = "https://arxiv.org/abs/1506.02626")
public final class Magnitude extends LayerwiseCompressor<Magnitude.Options> {
    /**
     * @param sparsity share of the weights that go, where there is no pattern
     * @param pattern n of every m inputs that stay, such as 2:4; null for no pattern
     * @param type the format of a weight that stays
     */
    public record Options(double sparsity, Pattern pattern, DataType type) {
        public Options {
            PruningMask.checkOptions(sparsity, type);
        }
    }

    @Override
    public String name() {
        return "magnitude";
    }

    @Override
    public String idea() {
        return "The weights with the smallest magnitudes are set to zero, whatever they are multiplied with. "
                + "Zeros need not be stored, and a small weight changes the outputs little where its input is "
                + "like any other.";
    }

    @Override
    public Options defaults() {
        return new Options(0.5, null, DataType.BF16);
    }

    @Override
    public List<String> showcase() {
        return List.of("magnitude:sparsity=0.5", "magnitude:pattern=2:4");
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        float[] weights = task.weights().array();
        PruningMask.Score score = (row, column) -> Math.abs(weights[row * task.columns() + column]);
        PruningMask mask = new PruningMask(task);
        if (options.pattern != null) {
            mask.prune(options.pattern, score);
        } else {
            mask.pruneToThreshold(options.sparsity, 0, task.columns(), score);
        }
        return mask.store(options.type);
    }
}
