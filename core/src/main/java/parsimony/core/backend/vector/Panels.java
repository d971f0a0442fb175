package parsimony.core.backend.vector;

import java.util.Arrays;

/**
 * Repacks parts of matrices into the panels that {@link MicroKernel} reads. A panel `[steps, width]` holds, for each step
 * of the inner dimension, {@code width} neighbours of the outer one; where the matrix has fewer, zeros.
 */
final class Panels {
    private Panels() {}

    /** Packs from a matrix stored `[inner, outer]`: {@code count} neighbours at each of {@code steps} rows. */
    static void pack(
            float[] source, int sourceOffset, int ld, int count, int steps, float[] target, int offset, int width) {
        for (int p = 0; p < steps; p++) {
            int from = sourceOffset + p * ld;
            int to = offset + p * width;
            for (int r = 0; r < count; r++) {
                target[to + r] = source[from + r];
            }
            if (count < width) {
                Arrays.fill(target, to + count, to + width, 0);
            }
        }
    }

    /** Packs from a matrix stored `[outer, inner]`: {@code steps} neighbours in each of {@code count} rows. */
    static void packTransposed(
            float[] source, int sourceOffset, int ld, int count, int steps, float[] target, int offset, int width) {
        if (count < width) {
            Arrays.fill(target, offset, offset + steps * width, 0);
        }
        int r = 0;
        for (; r + 4 <= count; r += 4) {
            packFour(source, sourceOffset + r * ld, ld, steps, target, offset + r, width);
        }
        for (; r < count; r++) {
            int from = sourceOffset + r * ld;
            for (int p = 0; p < steps; p++) {
                target[offset + p * width + r] = source[from + p];
            }
        }
    }

    private static void packFour(float[] source, int from, int ld, int steps, float[] target, int offset, int width) {
        for (int p = 0; p < steps; p++) {
            int to = offset + p * width;
            target[to] = source[from + p];
            target[to + 1] = source[from + ld + p];
            target[to + 2] = source[from + 2 * ld + p];
            target[to + 3] = source[from + 3 * ld + p];
        }
    }
}
