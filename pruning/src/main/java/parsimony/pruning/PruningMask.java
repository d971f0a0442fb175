package parsimony.pruning;

import java.util.Arrays;
import java.util.BitSet;
import parsimony.core.technique.LinearTask;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.WeightStorage;

/** Which weights of a matrix go. What an earlier technique pruned has gone already. */
final class PruningMask {
    private final LinearTask task;
    private final int columns;
    private final boolean[] pruned;

    PruningMask(LinearTask task) {
        this.task = task;
        columns = task.columns();
        pruned = new boolean[Math.multiplyExact(task.rows(), columns)];
        if (task.zeros() != null) {
            task.zeros().stream().forEach(i -> pruned[i] = true);
        }
    }

    /** The score of a weight; the lowest go first. */
    interface Score {
        double of(int row, int column);
    }

    boolean isPruned(int row, int column) {
        return pruned[row * columns + column];
    }

    /**
     * Prunes, of the inputs from {@code first} on, as many as {@code pattern} wants.
     *
     * @param score of a weight that has not been pruned, 0 or more
     */
    void prune(Pattern pattern, int row, int first, Score score) {
        double[] scores = new double[pattern.m()];
        for (int i = 0; i < scores.length; i++) {
            scores[i] = isPruned(row, first + i) ? -1 : score.of(row, first + i);
        }
        int offset = row * columns + first;
        Arrays.fill(pruned, offset, offset + scores.length, false);
        pattern.prune(scores, pruned, offset);
        for (int i = 0; i < scores.length; i++) {
            pruned[offset + i] |= scores[i] < 0;
        }
    }

    /** Prunes every group of every row to {@code pattern}. */
    void prune(Pattern pattern, Score score) {
        pattern.requireDivides(task);
        task.backend().parallel(task.rows(), row -> {
            for (int first = 0; first < columns; first += pattern.m()) {
                prune(pattern, row, first, score);
            }
        });
    }

    /**
     * Prunes all weights of the inputs {@code first … end − 1} up to the one at place ⌊count · sparsity⌋ when they are sorted by score, that one and those
     * equal to it included: one weight more than asked for, or more where scores are equal, as the code of SparseGPT and of Wanda's baseline has it.
     */
    void pruneToThreshold(double sparsity, int first, int end, Score score) {
        int width = end - first;
        double[] scores = new double[task.rows() * width];
        task.backend().parallel(task.rows(), row -> {
            for (int i = 0; i < width; i++) {
                scores[row * width + i] = isPruned(row, first + i) ? -1 : score.of(row, first + i);
            }
        });
        double[] sorted = scores.clone();
        Arrays.parallelSort(sorted);
        double threshold = sorted[(int) (sorted.length * sparsity)];
        for (int i = 0; i < scores.length; i++) {
            pruned[i / width * columns + first + i % width] |= scores[i] <= threshold;
        }
    }

    void prune(int row, int column) {
        pruned[row * columns + column] = true;
    }

    /** Positions {@code row · columns + column} of what goes. */
    BitSet positions() {
        BitSet positions = new BitSet(pruned.length);
        for (int i = 0; i < pruned.length; i++) {
            positions.set(i, pruned[i]);
        }
        return positions;
    }

    /** The task's weights without those that go. */
    WeightStorage store(DataType type) {
        float[] weights = task.weights().array();
        for (int i = 0; i < pruned.length; i++) {
            weights[i] = pruned[i] ? 0 : weights[i];
            if (!Float.isFinite(type.round(weights[i]))) {
                throw new TechniqueException(task.name() + " holds the weight " + weights[i] + ", too large for " + type
                        + "; use type=bf16");
            }
        }
        return SparseStorage.of(type, task.weights());
    }

    static void checkOptions(double sparsity, DataType type) {
        if (!(sparsity >= 0 && sparsity < 1)) {
            throw new IllegalArgumentException("sparsity must be at least 0 and less than 1, not " + sparsity);
        }
        if (type == null) {
            throw new IllegalArgumentException("type must be f32, bf16 or f16");
        }
    }
}
