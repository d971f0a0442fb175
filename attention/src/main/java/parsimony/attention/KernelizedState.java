package parsimony.attention;

import java.util.Arrays;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.KvCache;
import parsimony.core.tensor.Matrix;

/**
 * What {@link KernelizedAttention} remembers of a sequence: for each head S = Σ φ(k) · [v, 1]ᵀ over all that was committed, whose size does not depend on the
 * text, and the keys and values that are tentative.
 */
final class KernelizedState implements KvCache {
    private final FeatureMap map;
    private final int headSize;
    private final int features;
    /** S of each head [features, headSize + 1], divided by exp(shift). */
    private final Matrix[] sums;

    private final float[] shifts;
    private final float[][] keys;
    private final float[][] values;
    /** The features of each head's tentative keys, once they are known. */
    private final Features[] tentative;

    private int[] positions = {};
    private int size;

    KernelizedState(FeatureMap map, int keyValueHeads, int headSize) {
        this.map = map;
        this.headSize = headSize;
        features = map.features(headSize);
        sums = new Matrix[keyValueHeads];
        shifts = new float[keyValueHeads];
        keys = new float[keyValueHeads][0];
        values = new float[keyValueHeads][0];
        tentative = new Features[keyValueHeads];
        for (int head = 0; head < keyValueHeads; head++) {
            sums[head] = KernelizedAttention.zeros(features, headSize + 1);
            shifts[head] = Float.NEGATIVE_INFINITY;
        }
    }

    @Override
    public void append(Matrix newKeys, Matrix newValues, int[] newPositions, int first) {
        int count = newKeys.rows();
        positions = Arrays.copyOf(positions, size + count);
        System.arraycopy(newPositions, first, positions, size, count);
        for (int head = 0; head < sums.length; head++) {
            keys[head] = joined(keys[head], newKeys.columns(head * headSize, headSize));
            values[head] = joined(values[head], newValues.columns(head * headSize, headSize));
            tentative[head] = null;
        }
        size += count;
    }

    private float[] joined(float[] before, Matrix more) {
        float[] all = Arrays.copyOf(before, (size + more.rows()) * headSize);
        for (int row = 0; row < more.rows(); row++) {
            int from = more.offset() + row * more.stride();
            System.arraycopy(more.data(), from, all, (size + row) * headSize, headSize);
        }
        return all;
    }

    /** The tentative entries. */
    @Override
    public List<KeyValueTile> tiles(int head) {
        return List.of(new KeyValueTile(
                Matrix.of(keys[head], size, headSize), Matrix.of(values[head], size, headSize), positions, 0));
    }

    /** Finds out what a commit will need of a head; the query heads that share it may ask at the same time. */
    void project(Backend backend, int head, float scale) {
        synchronized (sums[head]) {
            if (tentative[head] == null) {
                tentative[head] = Features.of(map, backend, Matrix.of(keys[head], size, headSize), scale);
            }
        }
    }

    /** What a head's sums are divided by the exponential of. */
    float shift(int head) {
        return shifts[head];
    }

    /** A copy of S, divided by exp(shift) for a shift no less than the head's own. */
    Matrix sums(int head, float shift) {
        float[] copy = sums[head].data().clone();
        multiply(copy, Features.factor(shifts[head], shift));
        return Matrix.of(copy, features, headSize + 1);
    }

    private static void multiply(float[] x, float factor) {
        for (int i = 0; i < x.length; i++) {
            x[i] *= factor;
        }
    }

    @Override
    public void commit(int[] kept) {
        KvCache.checkKept(kept, size);
        for (int head = 0; head < sums.length; head++) {
            float shift = shifts[head];
            for (int row : kept) {
                shift = Math.max(shift, tentative[head].shifts()[row]);
            }
            multiply(sums[head].data(), Features.factor(shifts[head], shift));
            shifts[head] = shift;
            for (int row : kept) {
                add(head, row, shift);
            }
        }
        rollback();
    }

    /** S += φ(k) · [v, 1]ᵀ (Katharopoulos et al., 2020, Eqs. 18 and 19). */
    private void add(int head, int row, float shift) {
        float factor = tentative[head].factor(row, shift);
        for (int feature = 0; feature < features; feature++) {
            float weight = factor * tentative[head].values().get(row, feature);
            int to = feature * (headSize + 1);
            for (int i = 0; i < headSize; i++) {
                sums[head].data()[to + i] += weight * values[head][row * headSize + i];
            }
            sums[head].data()[to + headSize] += weight;
        }
    }

    @Override
    public void rollback() {
        size = 0;
        positions = new int[0];
        for (int head = 0; head < sums.length; head++) {
            keys[head] = new float[0];
            values[head] = new float[0];
            tentative[head] = null;
        }
    }

    @Override
    public KernelizedState fork() {
        KernelizedState fork = new KernelizedState(map, sums.length, headSize);
        for (int head = 0; head < sums.length; head++) {
            System.arraycopy(sums[head].data(), 0, fork.sums[head].data(), 0, sums[head].data().length);
            fork.shifts[head] = shifts[head];
        }
        return fork;
    }

    @Override
    public long bytes() {
        return (long) Float.BYTES * sums.length * (features * (headSize + 1L) + 2L * size * headSize);
    }
}
