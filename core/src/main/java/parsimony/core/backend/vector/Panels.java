package parsimony.core.backend.vector;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Repacks parts of matrices into the panels that {@link MicroKernel} reads. A panel `[steps, width]` holds, for each step
 * of the inner dimension, {@code width} neighbours of the outer one; where the matrix has fewer, zeros.
 */
final class Panels {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    /** Four values, the side of the squares that are transposed in registers. */
    private static final VectorSpecies<Float> QUAD = FloatVector.SPECIES_128;

    /** Which of the eight values of two vectors to take, as {@link FloatVector#selectFrom} wants it. */
    private static final FloatVector INTERLEAVE_LOW = FloatVector.fromArray(QUAD, new float[] {0, 4, 1, 5}, 0);

    private static final FloatVector INTERLEAVE_HIGH = FloatVector.fromArray(QUAD, new float[] {2, 6, 3, 7}, 0);
    private static final FloatVector BOTH_LOW = FloatVector.fromArray(QUAD, new float[] {0, 1, 4, 5}, 0);
    private static final FloatVector BOTH_HIGH = FloatVector.fromArray(QUAD, new float[] {2, 3, 6, 7}, 0);

    private Panels() {}

    /** Packs from a matrix stored `[inner, outer]`: {@code count} neighbours at each of {@code steps} rows. */
    static void pack(
            float[] source, int sourceOffset, int ld, int count, int steps, float[] target, int offset, int width) {
        int done = 0;
        if (count == width && width == MicroKernel.WIDTH) {
            packWide(source, sourceOffset, ld, steps, target, offset);
            done = steps;
        } else if (count == width && width <= LANES) {
            int readable = Math.max(0, source.length - sourceOffset - LANES + ld) / ld;
            int writable = Math.max(0, steps * width - LANES + width) / width;
            done = Math.min(steps, Math.min(readable, writable));
            packNarrow(source, sourceOffset, ld, done, target, offset, width);
        }
        for (int p = done; p < steps; p++) {
            int to = offset + p * width;
            System.arraycopy(source, sourceOffset + p * ld, target, to, count);
            Arrays.fill(target, to + count, to + width, 0);
        }
    }

    // Eight or nine steps are written out, and where fewer are left the last is copied again: a method of more than 325
    // bytes is never inlined, where within a large one that has used up its budget for inlining vectors would become
    // objects.

    private static void packWide(float[] source, int sourceOffset, int ld, int steps, float[] target, int offset) {
        int last = steps - 1;
        for (int p = 0; p < steps; p += 8) {
            FloatVector.fromArray(SPECIES, source, sourceOffset + p * ld)
                    .intoArray(target, offset + p * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p * ld + LANES)
                    .intoArray(target, offset + p * MicroKernel.WIDTH + LANES);
            int p1 = Math.min(p + 1, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p1 * ld)
                    .intoArray(target, offset + p1 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p1 * ld + LANES)
                    .intoArray(target, offset + p1 * MicroKernel.WIDTH + LANES);
            int p2 = Math.min(p + 2, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p2 * ld)
                    .intoArray(target, offset + p2 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p2 * ld + LANES)
                    .intoArray(target, offset + p2 * MicroKernel.WIDTH + LANES);
            int p3 = Math.min(p + 3, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p3 * ld)
                    .intoArray(target, offset + p3 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p3 * ld + LANES)
                    .intoArray(target, offset + p3 * MicroKernel.WIDTH + LANES);
            int p4 = Math.min(p + 4, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p4 * ld)
                    .intoArray(target, offset + p4 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p4 * ld + LANES)
                    .intoArray(target, offset + p4 * MicroKernel.WIDTH + LANES);
            int p5 = Math.min(p + 5, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p5 * ld)
                    .intoArray(target, offset + p5 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p5 * ld + LANES)
                    .intoArray(target, offset + p5 * MicroKernel.WIDTH + LANES);
            int p6 = Math.min(p + 6, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p6 * ld)
                    .intoArray(target, offset + p6 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p6 * ld + LANES)
                    .intoArray(target, offset + p6 * MicroKernel.WIDTH + LANES);
            int p7 = Math.min(p + 7, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p7 * ld)
                    .intoArray(target, offset + p7 * MicroKernel.WIDTH);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p7 * ld + LANES)
                    .intoArray(target, offset + p7 * MicroKernel.WIDTH + LANES);
        }
    }

    /** Copies a whole vector for a part of one: the next step overwrites what is too much. */
    private static void packNarrow(
            float[] source, int sourceOffset, int ld, int steps, float[] target, int offset, int width) {
        int last = steps - 1;
        for (int p = 0; p < steps; p += 9) {
            FloatVector.fromArray(SPECIES, source, sourceOffset + p * ld).intoArray(target, offset + p * width);
            int p1 = Math.min(p + 1, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p1 * ld).intoArray(target, offset + p1 * width);
            int p2 = Math.min(p + 2, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p2 * ld).intoArray(target, offset + p2 * width);
            int p3 = Math.min(p + 3, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p3 * ld).intoArray(target, offset + p3 * width);
            int p4 = Math.min(p + 4, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p4 * ld).intoArray(target, offset + p4 * width);
            int p5 = Math.min(p + 5, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p5 * ld).intoArray(target, offset + p5 * width);
            int p6 = Math.min(p + 6, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p6 * ld).intoArray(target, offset + p6 * width);
            int p7 = Math.min(p + 7, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p7 * ld).intoArray(target, offset + p7 * width);
            int p8 = Math.min(p + 8, last);
            FloatVector.fromArray(SPECIES, source, sourceOffset + p8 * ld).intoArray(target, offset + p8 * width);
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
            packFourRows(source, sourceOffset + r * ld, ld, steps, target, offset + r, width);
        }
        for (; r < count; r++) {
            packRow(source, sourceOffset + r * ld, 0, steps, target, offset + r, width);
        }
    }

    private static void packFourRows(
            float[] source, int from, int ld, int steps, float[] target, int offset, int width) {
        int whole = QUAD.loopBound(steps);
        for (int p = 0; p < whole; p += 4) {
            FloatVector row0 = FloatVector.fromArray(QUAD, source, from + p);
            FloatVector row1 = FloatVector.fromArray(QUAD, source, from + ld + p);
            FloatVector row2 = FloatVector.fromArray(QUAD, source, from + 2 * ld + p);
            FloatVector row3 = FloatVector.fromArray(QUAD, source, from + 3 * ld + p);
            FloatVector low01 = INTERLEAVE_LOW.selectFrom(row0, row1);
            FloatVector low23 = INTERLEAVE_LOW.selectFrom(row2, row3);
            FloatVector high01 = INTERLEAVE_HIGH.selectFrom(row0, row1);
            FloatVector high23 = INTERLEAVE_HIGH.selectFrom(row2, row3);
            int to = offset + p * width;
            BOTH_LOW.selectFrom(low01, low23).intoArray(target, to);
            BOTH_HIGH.selectFrom(low01, low23).intoArray(target, to + width);
            BOTH_LOW.selectFrom(high01, high23).intoArray(target, to + 2 * width);
            BOTH_HIGH.selectFrom(high01, high23).intoArray(target, to + 3 * width);
        }
        for (int r = 0; r < 4; r++) {
            packRow(source, from + r * ld, whole, steps, target, offset + r, width);
        }
    }

    private static void packRow(
            float[] source, int from, int firstStep, int steps, float[] target, int offset, int width) {
        for (int p = firstStep; p < steps; p++) {
            target[offset + p * width] = source[from + p];
        }
    }
}
