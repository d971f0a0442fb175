package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The innermost part of the matrix product: a tile of C, {@link #HEIGHT} or {@link #LOW_HEIGHT} rows by {@link #WIDTH}
 * columns, that stays in registers while a panel of A and a panel of B stream by.
 *
 * <p>A panel of A holds, for each step of the depth, the tile's rows; a panel of B the tile's columns. With 32 vector
 * registers 12 × 2 accumulators, two vectors of B and one broadcast value of A fit; with 16 registers 6 × 2 do.
 *
 * <p>Each kernel is one method with all of its accumulators in local variables, because C2 keeps only those in
 * registers; and a short one, because C2 gives up on long ones.
 */
final class MicroKernel {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    /** Columns of a tile. */
    static final int WIDTH = 2 * LANES;
    /** Rows of a tile. */
    static final int HEIGHT = SPECIES.vectorBitSize() >= 512 ? 12 : 6;
    /** Rows of the tile that is used where no more rows than this are left; equal to {@link #HEIGHT} or half of it. */
    static final int LOW_HEIGHT = 6;

    private MicroKernel() {}

    /** The height of the tile to use where {@code rows} rows are left. */
    static int height(int rows) {
        return rows <= LOW_HEIGHT ? LOW_HEIGHT : HEIGHT;
    }

    /** Sets a tile of C to zero. */
    static void clear(int height, float[] c, int offset, int ldc) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < height; i++) {
            zero.intoArray(c, offset + i * ldc);
            zero.intoArray(c, offset + i * ldc + LANES);
        }
    }

    /** Adds the product of panels {@code a} `[depth, height]` and {@code b} `[depth, WIDTH]` to a tile of C. */
    static void multiply(
            int height, int depth, float[] a, int aOffset, float[] b, int bOffset, float[] c, int cOffset, int ldc) {
        if (height == LOW_HEIGHT) {
            kernel6(depth, a, aOffset, b, bOffset, c, cOffset, ldc);
        } else {
            kernel12(depth, a, aOffset, b, bOffset, c, cOffset, ldc);
        }
    }

    private static void kernel12(
            int depth, float[] a, int aOffset, float[] b, int bOffset, float[] c, int cOffset, int ldc) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector left0 = zero;
        FloatVector right0 = zero;
        FloatVector left1 = zero;
        FloatVector right1 = zero;
        FloatVector left2 = zero;
        FloatVector right2 = zero;
        FloatVector left3 = zero;
        FloatVector right3 = zero;
        FloatVector left4 = zero;
        FloatVector right4 = zero;
        FloatVector left5 = zero;
        FloatVector right5 = zero;
        FloatVector left6 = zero;
        FloatVector right6 = zero;
        FloatVector left7 = zero;
        FloatVector right7 = zero;
        FloatVector left8 = zero;
        FloatVector right8 = zero;
        FloatVector left9 = zero;
        FloatVector right9 = zero;
        FloatVector left10 = zero;
        FloatVector right10 = zero;
        FloatVector left11 = zero;
        FloatVector right11 = zero;
        for (int p = 0; p < depth; p++) {
            int ai = aOffset + p * 12;
            int bi = bOffset + p * WIDTH;
            FloatVector left = FloatVector.fromArray(SPECIES, b, bi);
            FloatVector right = FloatVector.fromArray(SPECIES, b, bi + LANES);
            FloatVector x = FloatVector.broadcast(SPECIES, a[ai]);
            left0 = x.fma(left, left0);
            right0 = x.fma(right, right0);
            x = FloatVector.broadcast(SPECIES, a[ai + 1]);
            left1 = x.fma(left, left1);
            right1 = x.fma(right, right1);
            x = FloatVector.broadcast(SPECIES, a[ai + 2]);
            left2 = x.fma(left, left2);
            right2 = x.fma(right, right2);
            x = FloatVector.broadcast(SPECIES, a[ai + 3]);
            left3 = x.fma(left, left3);
            right3 = x.fma(right, right3);
            x = FloatVector.broadcast(SPECIES, a[ai + 4]);
            left4 = x.fma(left, left4);
            right4 = x.fma(right, right4);
            x = FloatVector.broadcast(SPECIES, a[ai + 5]);
            left5 = x.fma(left, left5);
            right5 = x.fma(right, right5);
            x = FloatVector.broadcast(SPECIES, a[ai + 6]);
            left6 = x.fma(left, left6);
            right6 = x.fma(right, right6);
            x = FloatVector.broadcast(SPECIES, a[ai + 7]);
            left7 = x.fma(left, left7);
            right7 = x.fma(right, right7);
            x = FloatVector.broadcast(SPECIES, a[ai + 8]);
            left8 = x.fma(left, left8);
            right8 = x.fma(right, right8);
            x = FloatVector.broadcast(SPECIES, a[ai + 9]);
            left9 = x.fma(left, left9);
            right9 = x.fma(right, right9);
            x = FloatVector.broadcast(SPECIES, a[ai + 10]);
            left10 = x.fma(left, left10);
            right10 = x.fma(right, right10);
            x = FloatVector.broadcast(SPECIES, a[ai + 11]);
            left11 = x.fma(left, left11);
            right11 = x.fma(right, right11);
        }
        int ci = cOffset;
        left0.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right0.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left1.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right1.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left2.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right2.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left3.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right3.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left4.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right4.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left5.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right5.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left6.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right6.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left7.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right7.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left8.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right8.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left9.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right9.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left10.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right10.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left11.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right11.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
    }

    private static void kernel6(
            int depth, float[] a, int aOffset, float[] b, int bOffset, float[] c, int cOffset, int ldc) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector left0 = zero;
        FloatVector right0 = zero;
        FloatVector left1 = zero;
        FloatVector right1 = zero;
        FloatVector left2 = zero;
        FloatVector right2 = zero;
        FloatVector left3 = zero;
        FloatVector right3 = zero;
        FloatVector left4 = zero;
        FloatVector right4 = zero;
        FloatVector left5 = zero;
        FloatVector right5 = zero;
        for (int p = 0; p < depth; p++) {
            int ai = aOffset + p * 6;
            int bi = bOffset + p * WIDTH;
            FloatVector left = FloatVector.fromArray(SPECIES, b, bi);
            FloatVector right = FloatVector.fromArray(SPECIES, b, bi + LANES);
            FloatVector x = FloatVector.broadcast(SPECIES, a[ai]);
            left0 = x.fma(left, left0);
            right0 = x.fma(right, right0);
            x = FloatVector.broadcast(SPECIES, a[ai + 1]);
            left1 = x.fma(left, left1);
            right1 = x.fma(right, right1);
            x = FloatVector.broadcast(SPECIES, a[ai + 2]);
            left2 = x.fma(left, left2);
            right2 = x.fma(right, right2);
            x = FloatVector.broadcast(SPECIES, a[ai + 3]);
            left3 = x.fma(left, left3);
            right3 = x.fma(right, right3);
            x = FloatVector.broadcast(SPECIES, a[ai + 4]);
            left4 = x.fma(left, left4);
            right4 = x.fma(right, right4);
            x = FloatVector.broadcast(SPECIES, a[ai + 5]);
            left5 = x.fma(left, left5);
            right5 = x.fma(right, right5);
        }
        int ci = cOffset;
        left0.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right0.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left1.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right1.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left2.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right2.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left3.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right3.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left4.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right4.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
        ci += ldc;
        left5.add(FloatVector.fromArray(SPECIES, c, ci)).intoArray(c, ci);
        right5.add(FloatVector.fromArray(SPECIES, c, ci + LANES)).intoArray(c, ci + LANES);
    }
}
