package parsimony.speculative;

import java.util.Arrays;
import parsimony.core.tensor.Tensor;

/** Rows of logits. */
final class Logits {
    private Logits() {}

    /** A copy of one row. */
    static float[] row(Tensor logits, int row) {
        int columns = logits.columns();
        return Arrays.copyOfRange(logits.array(), row * columns, (row + 1) * columns);
    }

    /** The index of the largest number of a row, the smallest of several. */
    static int likeliest(Tensor logits, int row) {
        return likeliest(logits, row, 1)[0];
    }

    /** The indices of the {@code count} largest numbers of a row, the largest first. */
    static int[] likeliest(Tensor logits, int row, int count) {
        int columns = logits.columns();
        int start = row * columns;
        float[] data = logits.array();
        int[] best = new int[Math.min(count, columns)];
        int found = 0;
        for (int i = 0; i < columns; i++) {
            if (found == best.length && !(data[start + i] > data[start + best[found - 1]])) {
                continue;
            }
            int place = found < best.length ? found++ : found - 1;
            while (place > 0 && data[start + i] > data[start + best[place - 1]]) {
                best[place] = best[place - 1];
                place--;
            }
            best[place] = i;
        }
        return best;
    }
}
