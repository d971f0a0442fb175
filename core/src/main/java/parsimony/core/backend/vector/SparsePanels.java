package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;

/**
 * Products of a {@link SparseStorage} with many vectors: only the weights that are kept are multiplied. The vectors are transposed into panels `[in,
 * WIDTH]`; a weight takes its input's row of a panel, a number for each vector, and adds it to the row's sums, which stay in registers.
 *
 * <p>Every output is the sum of two chains of fused multiply-adds, of its row's even and odd weights, whatever is multiplied beside it.
 */
final class SparsePanels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    /** Vectors of a panel. */
    static final int WIDTH = 4 * LANES;
    /** Outputs that a panel is multiplied with before the next one is. */
    private static final int ROWS = 16;

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
        int[] inputs = new int[count];
        storage.read(firstRow, firstRow + rows, values, inputs);
        for (int i = 0; i < count; i++) {
            inputs[i] *= WIDTH;
        }
        float[] sums = new float[ROWS * WIDTH];
        float[] turned = new float[WIDTH * ROWS];
        for (int panel = 0; panel < n; panel += WIDTH) {
            for (int row = 0; row < rows; row++) {
                int from = storage.start(firstRow + row) - first;
                int to = storage.start(firstRow + row + 1) - first;
                sum(values, inputs, from, to, packed, panel * in, sums, row * WIDTH);
            }
            Panels.packTransposed(sums, 0, WIDTH, rows, WIDTH, turned, 0, ROWS);
            for (int vector = 0; vector < Math.min(WIDTH, n - panel); vector++) {
                System.arraycopy(turned, vector * ROWS, y, (panel + vector) * out + firstRow, rows);
            }
        }
    }

    /** The sums of one row for a panel of vectors. */
    private static void sum(
            float[] values, int[] inputs, int from, int to, float[] panels, int panel, float[] sums, int offset) {
        FloatVector even0 = FloatVector.zero(SPECIES);
        FloatVector even1 = even0;
        FloatVector even2 = even0;
        FloatVector even3 = even0;
        FloatVector odd0 = even0;
        FloatVector odd1 = even0;
        FloatVector odd2 = even0;
        FloatVector odd3 = even0;
        int i = from;
        for (; i < to - 1; i += 2) {
            FloatVector weight = FloatVector.broadcast(SPECIES, values[i]);
            int at = panel + inputs[i];
            even0 = FloatVector.fromArray(SPECIES, panels, at).fma(weight, even0);
            even1 = FloatVector.fromArray(SPECIES, panels, at + LANES).fma(weight, even1);
            even2 = FloatVector.fromArray(SPECIES, panels, at + 2 * LANES).fma(weight, even2);
            even3 = FloatVector.fromArray(SPECIES, panels, at + 3 * LANES).fma(weight, even3);
            weight = FloatVector.broadcast(SPECIES, values[i + 1]);
            at = panel + inputs[i + 1];
            odd0 = FloatVector.fromArray(SPECIES, panels, at).fma(weight, odd0);
            odd1 = FloatVector.fromArray(SPECIES, panels, at + LANES).fma(weight, odd1);
            odd2 = FloatVector.fromArray(SPECIES, panels, at + 2 * LANES).fma(weight, odd2);
            odd3 = FloatVector.fromArray(SPECIES, panels, at + 3 * LANES).fma(weight, odd3);
        }
        if (i < to) {
            FloatVector weight = FloatVector.broadcast(SPECIES, values[i]);
            int at = panel + inputs[i];
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
