package parsimony.core.backend.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;

/**
 * Products of a {@link SparseStorage} with many vectors: only the weights that are kept are multiplied. The vectors are transposed into panels `[in,
 * WIDTH]`; a weight takes its input's row of a panel, a number for each vector, and adds it to the row's sums, which stay in registers.
 *
 * <p>Every output is added up over blocks of inputs, and in a block of the even and the odd weights apart, whatever is multiplied beside it.
 */
final class SparsePanels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    /** Vectors of a panel. */
    static final int WIDTH = 4 * LANES;
    /** Inputs of a panel that stay in the L1 cache while outputs are multiplied with them. */
    private static final int INPUTS = 64;
    /** Outputs of a task. */
    private static final int ROWS = 32;

    private final SparseStorage storage;
    private final Parallel parallel;

    SparsePanels(SparseStorage storage, Parallel parallel) {
        this.storage = storage;
        this.parallel = parallel;
    }

    /** Y `[n, out]` = X `[n, in]` · Wᵀ. */
    void multiply(Tensor x, Tensor y) {
        int n = x.rows();
        int in = storage.columns();
        int panels = Gemm.ceilDivide(n, WIDTH);
        float[] packed = Scratch.get().right(panels * WIDTH * in);
        parallel.run(panels, panel -> {
            int first = panel * WIDTH;
            int count = Math.min(WIDTH, n - first);
            Panels.packTransposed(x.array(), first * in, in, count, in, packed, first * in, WIDTH);
        });
        int blocks = Gemm.ceilDivide(storage.rows(), ROWS);
        parallel.run(blocks, block -> multiplyBlock(block * ROWS, packed, n, y.array()));
    }

    private void multiplyBlock(int firstRow, float[] packed, int n, float[] y) {
        int in = storage.columns();
        int out = storage.rows();
        int rows = Math.min(ROWS, out - firstRow);
        int first = storage.start(firstRow);
        int count = storage.start(firstRow + rows) - first;
        float[] values = new float[count];
        int[] places = new int[count];
        storage.read(firstRow, firstRow + rows, values, places);
        for (int i = 0; i < count; i++) {
            places[i] *= WIDTH;
        }
        float[] sums = new float[ROWS * WIDTH];
        float[] turned = new float[WIDTH * ROWS];
        int[] next = new int[rows];
        for (int panel = 0; panel < n; panel += WIDTH) {
            Arrays.fill(sums, 0);
            for (int row = 0; row < rows; row++) {
                next[row] = storage.start(firstRow + row) - first;
            }
            for (int input = 0; input < in; input += INPUTS) {
                for (int row = 0; row < rows; row++) {
                    int end = storage.start(firstRow + row + 1) - first;
                    int to = end(places, next[row], end, (input + INPUTS) * WIDTH);
                    add(values, places, next[row], to, packed, panel * in, sums, row * WIDTH);
                    next[row] = to;
                }
            }
            Panels.packTransposed(sums, 0, WIDTH, rows, WIDTH, turned, 0, ROWS);
            for (int vector = 0; vector < Math.min(WIDTH, n - panel); vector++) {
                System.arraycopy(turned, vector * ROWS, y, (panel + vector) * out + firstRow, rows);
            }
        }
    }

    /** The first of the ascending numbers from {@code from} on that is no less than {@code limit}, or {@code end}. */
    private static int end(int[] numbers, int from, int end, int limit) {
        int i = from;
        while (i < end && numbers[i] < limit) {
            i++;
        }
        return i;
    }

    /** Adds some of a row's weights times a panel of vectors to the row's sums. */
    private static void add(
            float[] values, int[] places, int from, int to, float[] panels, int panel, float[] sums, int offset) {
        FloatVector even0 = FloatVector.fromArray(SPECIES, sums, offset);
        FloatVector even1 = FloatVector.fromArray(SPECIES, sums, offset + LANES);
        FloatVector even2 = FloatVector.fromArray(SPECIES, sums, offset + 2 * LANES);
        FloatVector even3 = FloatVector.fromArray(SPECIES, sums, offset + 3 * LANES);
        FloatVector odd0 = FloatVector.zero(SPECIES);
        FloatVector odd1 = odd0;
        FloatVector odd2 = odd0;
        FloatVector odd3 = odd0;
        int i = from;
        for (; i < to - 1; i += 2) {
            FloatVector weight = FloatVector.broadcast(SPECIES, values[i]);
            int at = panel + places[i];
            even0 = FloatVector.fromArray(SPECIES, panels, at).fma(weight, even0);
            even1 = FloatVector.fromArray(SPECIES, panels, at + LANES).fma(weight, even1);
            even2 = FloatVector.fromArray(SPECIES, panels, at + 2 * LANES).fma(weight, even2);
            even3 = FloatVector.fromArray(SPECIES, panels, at + 3 * LANES).fma(weight, even3);
            weight = FloatVector.broadcast(SPECIES, values[i + 1]);
            at = panel + places[i + 1];
            odd0 = FloatVector.fromArray(SPECIES, panels, at).fma(weight, odd0);
            odd1 = FloatVector.fromArray(SPECIES, panels, at + LANES).fma(weight, odd1);
            odd2 = FloatVector.fromArray(SPECIES, panels, at + 2 * LANES).fma(weight, odd2);
            odd3 = FloatVector.fromArray(SPECIES, panels, at + 3 * LANES).fma(weight, odd3);
        }
        if (i < to) {
            FloatVector weight = FloatVector.broadcast(SPECIES, values[i]);
            int at = panel + places[i];
            even0 = FloatVector.fromArray(SPECIES, panels, at).fma(weight, even0);
            even1 = FloatVector.fromArray(SPECIES, panels, at + LANES).fma(weight, even1);
            even2 = FloatVector.fromArray(SPECIES, panels, at + 2 * LANES).fma(weight, even2);
            even3 = FloatVector.fromArray(SPECIES, panels, at + 3 * LANES).fma(weight, even3);
        }
        even0.add(odd0).intoArray(sums, offset);
        even1.add(odd1).intoArray(sums, offset + LANES);
        even2.add(odd2).intoArray(sums, offset + 2 * LANES);
        even3.add(odd3).intoArray(sums, offset + 3 * LANES);
    }
}
