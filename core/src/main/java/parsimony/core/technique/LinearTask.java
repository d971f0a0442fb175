package parsimony.core.technique;

import java.util.BitSet;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * One weight matrix to compress.
 *
 * @param name the layer's name in a checkpoint
 * @param weights [out, in], a copy that may be changed
 * @param zeros positions {@code row · columns + column} that an earlier technique pruned and that must stay zero;
 *     null if there are none
 * @param statistics what calibration saw of the layer's inputs
 * @param seed of this layer's random choices
 * @param scaleType how scales are to be kept
 * @param backend for heavy products and parallel loops
 * @param progress hears what the user should know
 */
public record LinearTask(
        String name,
        Tensor weights,
        BitSet zeros,
        InputStatistics statistics,
        long seed,
        DataType scaleType,
        Backend backend,
        Progress progress) {
    static LinearTask of(
            String name, WeightStorage storage, BitSet zeros, InputStatistics statistics, TechniqueContext context) {
        Tensor weights = storage.decode();
        for (float weight : weights.array()) {
            if (!Float.isFinite(weight)) {
                throw new TechniqueException(name + " holds the weight " + weight + ", which cannot be compressed");
            }
        }
        return new LinearTask(
                name,
                weights,
                zeros,
                statistics,
                31 * context.seed() + name.hashCode(),
                context.scaleType(),
                context.backend(),
                context.progress());
    }

    /** The zeros of a matrix that was pruned; null for any other. */
    static BitSet zeros(WeightStorage storage) {
        if (!storage.isSparse()) {
            return null;
        }
        Tensor weights = storage.decode();
        BitSet zeros = new BitSet(weights.size());
        for (int i = 0; i < weights.size(); i++) {
            zeros.set(i, weights.array()[i] == 0);
        }
        return zeros;
    }

    /** Whether an earlier technique pruned this weight. */
    public boolean isZero(int row, int column) {
        return zeros != null && zeros.get(row * columns() + column);
    }

    /** Outputs of the layer. */
    public int rows() {
        return weights.dimension(0);
    }

    /** Inputs of the layer. */
    public int columns() {
        return weights.dimension(1);
    }
}
