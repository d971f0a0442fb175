package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.SparseStorage;

/**
 * Multiplies by rows of a {@link SparseStorage} with a bitmask, where they lie. A vector of neighbouring inputs meets its weights by one instruction that
 * spreads the next few kept ones over the lanes that the mask names; how many those were is the number of bits.
 *
 * <p>Every output is the same chain of operations, whatever is multiplied beside it: even and odd vectors of inputs are added up apart, both sums together
 * are added over the lanes, then come the inputs that fill no vector one by one.
 */
final class SparseKernel {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int LANE_MASK = (int) ((1L << LANES) - 1);

    /** Inputs whose bits are read at once: two vectors. */
    private static final int STEP = 2 * LANES;

    /** Vectors that {@link #multiplyFour} multiplies with. */
    static final int VECTORS = 4;

    private final DataType type;
    private final int columns;
    private final int rowBytes;
    private final MemorySegment mask;
    private final MemorySegment values;
    private final int count;

    SparseKernel(SparseStorage storage) {
        type = storage.type();
        columns = storage.columns();
        rowBytes = (columns + 7) / 8;
        mask = storage.where();
        values = storage.values();
        count = storage.count();
    }

    /** Whether spreading over lanes is an instruction here, on vectors of 8 or 16 floats, and the numbers are read as fast as they come. */
    static boolean suits(SparseStorage storage) {
        return (LANES == 8 || LANES == 16)
                && storage.positions() == SparseStorage.Positions.BITMASK
                && storage.type() != DataType.F16;
    }

    /** Weights of a row times one vector. */
    float multiply(int row, int start, float[] x, int xOffset, float[] sums) {
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        long maskAt = (long) row * rowBytes;
        int at = start;
        int column = 0;
        for (; column <= columns - STEP && at <= count - STEP; column += STEP) {
            int bits = bits(maskAt + column / 8);
            int oddBits = bits >>> LANES & LANE_MASK;
            bits &= LANE_MASK;
            int oddAt = at + Integer.bitCount(bits);
            even = spread(at, bits).fma(FloatVector.fromArray(SPECIES, x, xOffset + column), even);
            odd = spread(oddAt, oddBits).fma(FloatVector.fromArray(SPECIES, x, xOffset + column + LANES), odd);
            at = oddAt + Integer.bitCount(oddBits);
        }
        even.add(odd).intoArray(sums, 0);
        return addRest(sums, 0, maskAt, column, at, x, xOffset);
    }

    /** Weights of a row times four vectors, {@code xStride} apart, whose outputs are {@code yStride} apart. */
    void multiplyFour(
            int row,
            int start,
            float[] x,
            int xOffset,
            int xStride,
            float[] y,
            int yOffset,
            int yStride,
            float[] sums) {
        FloatVector even0 = FloatVector.zero(SPECIES);
        FloatVector even1 = even0;
        FloatVector even2 = even0;
        FloatVector even3 = even0;
        FloatVector odd0 = even0;
        FloatVector odd1 = even0;
        FloatVector odd2 = even0;
        FloatVector odd3 = even0;
        int x1 = xOffset + xStride;
        int x2 = x1 + xStride;
        int x3 = x2 + xStride;
        long maskAt = (long) row * rowBytes;
        int at = start;
        int column = 0;
        for (; column <= columns - STEP && at <= count - STEP; column += STEP) {
            int bits = bits(maskAt + column / 8);
            FloatVector weights = spread(at, bits & LANE_MASK);
            at += Integer.bitCount(bits & LANE_MASK);
            even0 = weights.fma(FloatVector.fromArray(SPECIES, x, xOffset + column), even0);
            even1 = weights.fma(FloatVector.fromArray(SPECIES, x, x1 + column), even1);
            even2 = weights.fma(FloatVector.fromArray(SPECIES, x, x2 + column), even2);
            even3 = weights.fma(FloatVector.fromArray(SPECIES, x, x3 + column), even3);
            bits = bits >>> LANES & LANE_MASK;
            weights = spread(at, bits);
            at += Integer.bitCount(bits);
            odd0 = weights.fma(FloatVector.fromArray(SPECIES, x, xOffset + column + LANES), odd0);
            odd1 = weights.fma(FloatVector.fromArray(SPECIES, x, x1 + column + LANES), odd1);
            odd2 = weights.fma(FloatVector.fromArray(SPECIES, x, x2 + column + LANES), odd2);
            odd3 = weights.fma(FloatVector.fromArray(SPECIES, x, x3 + column + LANES), odd3);
        }
        even0.add(odd0).intoArray(sums, 0);
        even1.add(odd1).intoArray(sums, LANES);
        even2.add(odd2).intoArray(sums, 2 * LANES);
        even3.add(odd3).intoArray(sums, 3 * LANES);
        for (int vector = 0; vector < VECTORS; vector++) {
            y[yOffset + vector * yStride] =
                    addRest(sums, vector * LANES, maskAt, column, at, x, xOffset + vector * xStride);
        }
    }

    /** Writes a row's weights to {@code target}, pruned ones as zeros. */
    void decode(int row, int start, float[] target, int offset) {
        long maskAt = (long) row * rowBytes;
        int at = start;
        int column = 0;
        for (; column <= columns - STEP && at <= count - STEP; column += STEP) {
            int bits = bits(maskAt + column / 8);
            spread(at, bits & LANE_MASK).intoArray(target, offset + column);
            at += Integer.bitCount(bits & LANE_MASK);
            bits = bits >>> LANES & LANE_MASK;
            spread(at, bits).intoArray(target, offset + column + LANES);
            at += Integer.bitCount(bits);
        }
        Arrays.fill(target, offset + column, offset + columns, 0);
        for (; column < columns; column += 8) {
            int bits = Byte.toUnsignedInt(mask.get(ValueLayout.JAVA_BYTE, maskAt + column / 8));
            for (; bits != 0; bits &= bits - 1) {
                target[offset + column + Integer.numberOfTrailingZeros(bits)] =
                        type.get(values, (long) at++ * type.bytes());
            }
        }
    }

    private float addRest(float[] sums, int offset, long maskAt, int column, int at, float[] x, int xOffset) {
        float sum = VectorMath.sum(FloatVector.fromArray(SPECIES, sums, offset));
        int next = at;
        for (int first = column; first < columns; first += 8) {
            int bits = Byte.toUnsignedInt(mask.get(ValueLayout.JAVA_BYTE, maskAt + first / 8));
            for (; bits != 0; bits &= bits - 1) {
                float weight = type.get(values, (long) next++ * type.bytes());
                sum = Math.fma(weight, x[xOffset + first + Integer.numberOfTrailingZeros(bits)], sum);
            }
        }
        return sum;
    }

    /** The bits of the next {@link #STEP} inputs, perhaps with more above them. */
    private int bits(long at) {
        return LANES == 16 ? mask.get(INT, at) : Short.toUnsignedInt(mask.get(SHORT, at));
    }

    /** The weights from {@code at} on in the lanes that have a bit, zeros in the others. */
    private FloatVector spread(int at, int bits) {
        FloatVector next =
                type == DataType.BF16 ? FloatDecoder.bf16(values, 2L * at) : FloatDecoder.f32(values, 4L * at);
        return next.expand(VectorMask.fromLong(SPECIES, bits));
    }
}
