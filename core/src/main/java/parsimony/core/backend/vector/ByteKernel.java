package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Multiplies by one strip of a {@link ByteMatrix}: {@link #ROWS} rows side by side, so that each lane is an output and no
 * sum over lanes is needed.
 *
 * <p>A code becomes a float without a conversion: masked where it stands in its word, and with a power of two's exponent set
 * above it, it reads as that power plus the code, exactly. A subtraction takes off the power and, with it, the middle of the
 * codes' range: numbers around zero lose least to rounding. Codes must stand in the lower half of the word for that, so two
 * neighbours are taken from a word and then it is shifted.
 *
 * <p>Every output is the same chain of operations, whatever is multiplied beside it: columns at even and at odd places of their
 * words are added up apart within a group, then both sums together times the scale are added to what the groups before gave.
 */
final class ByteKernel {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long VECTOR_BYTES = 4L * LANES;

    /** Rows of a strip. */
    static final int ROWS = MicroKernel.WIDTH;
    /** Vectors that {@link #multiplyFour} multiplies with. */
    static final int VECTORS = 4;

    private static final int EVEN_MASK = 0xff;
    private static final int ODD_MASK = 0xff00;
    private static final int EVEN_POWER = Float.floatToRawIntBits(0x1p23f);
    private static final int ODD_POWER = Float.floatToRawIntBits(0x1p15f);

    private final int groups;
    private final int wordsPerGroup;
    private final float evenMiddle;
    private final float oddMiddle;

    /**
     * @param middle what is taken off every code
     * @param wordsPerGroup words of four codes, column after column
     */
    ByteKernel(int middle, int groups, int wordsPerGroup) {
        this.groups = groups;
        this.wordsPerGroup = wordsPerGroup;
        evenMiddle = 0x1p23f + middle;
        oddMiddle = 0x1p15f + middle;
    }

    /** Bytes from where a group's words begin to its scales. */
    private long scalesStart() {
        return 2 * VECTOR_BYTES * wordsPerGroup;
    }

    /** Bytes from one group's words to the next one's; its scales lie between. */
    long groupBytes() {
        return 2 * VECTOR_BYTES * (1 + wordsPerGroup);
    }

    /** Columns of a group, with those that only fill its last word. */
    int groupColumns() {
        return wordsPerGroup * Integer.BYTES;
    }

    /**
     * Σ scale · (code − middle) · x for the {@link #ROWS} rows of a strip.
     *
     * @param strip where the words of the first group begin
     * @param x groups · groupColumns numbers from {@code xOffset} on
     */
    void multiply(MemorySegment data, long strip, float[] x, int xOffset, float[] y, int yOffset) {
        FloatVector total0 = FloatVector.zero(SPECIES);
        FloatVector total1 = total0;
        int pairs = 2 * wordsPerGroup;
        long at = strip;
        int column = xOffset;
        for (int group = 0; group < groups; group++) {
            FloatVector even0 = FloatVector.zero(SPECIES);
            FloatVector even1 = even0;
            FloatVector odd0 = even0;
            FloatVector odd1 = even0;
            for (int pair = 0; pair < pairs; pair++, column += 2) {
                long words = at + 2 * VECTOR_BYTES * (pair >> 1);
                int shift = (pair & 1) * 16;
                IntVector word0 = words(data, words).lanewise(VectorOperators.LSHR, shift);
                IntVector word1 = words(data, words + VECTOR_BYTES).lanewise(VectorOperators.LSHR, shift);
                FloatVector input = FloatVector.broadcast(SPECIES, x[column]);
                even0 = even(word0).fma(input, even0);
                even1 = even(word1).fma(input, even1);
                input = FloatVector.broadcast(SPECIES, x[column + 1]);
                odd0 = odd(word0).fma(input, odd0);
                odd1 = odd(word1).fma(input, odd1);
            }
            long scales = at + scalesStart();
            total0 = even0.add(odd0).fma(scales(data, scales), total0);
            total1 = even1.add(odd1).fma(scales(data, scales + VECTOR_BYTES), total1);
            at += groupBytes();
        }
        total0.intoArray(y, yOffset);
        total1.intoArray(y, yOffset + LANES);
    }

    /** The same for four vectors at once, {@code xStride} apart, whose outputs are {@code yStride} apart. */
    void multiplyFour(
            MemorySegment data, long strip, float[] x, int xOffset, int xStride, float[] y, int yOffset, int yStride) {
        for (int half = 0; half < 2; half++) {
            multiplyHalf(data, strip + half * VECTOR_BYTES, x, xOffset, xStride, y, yOffset + half * LANES, yStride);
        }
    }

    private void multiplyHalf(
            MemorySegment data, long strip, float[] x, int xOffset, int xStride, float[] y, int yOffset, int yStride) {
        FloatVector total0 = FloatVector.zero(SPECIES);
        FloatVector total1 = total0;
        FloatVector total2 = total0;
        FloatVector total3 = total0;
        int pairs = 2 * wordsPerGroup;
        long at = strip;
        int column = xOffset;
        for (int group = 0; group < groups; group++) {
            FloatVector even0 = FloatVector.zero(SPECIES);
            FloatVector even1 = even0;
            FloatVector even2 = even0;
            FloatVector even3 = even0;
            FloatVector odd0 = even0;
            FloatVector odd1 = even0;
            FloatVector odd2 = even0;
            FloatVector odd3 = even0;
            for (int pair = 0; pair < pairs; pair++, column += 2) {
                long words = at + 2 * VECTOR_BYTES * (pair >> 1);
                int shift = (pair & 1) * 16;
                IntVector word = words(data, words).lanewise(VectorOperators.LSHR, shift);
                FloatVector weight = even(word);
                even0 = weight.fma(FloatVector.broadcast(SPECIES, x[column]), even0);
                even1 = weight.fma(FloatVector.broadcast(SPECIES, x[column + xStride]), even1);
                even2 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 2 * xStride]), even2);
                even3 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 3 * xStride]), even3);
                weight = odd(word);
                odd0 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 1]), odd0);
                odd1 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 1 + xStride]), odd1);
                odd2 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 1 + 2 * xStride]), odd2);
                odd3 = weight.fma(FloatVector.broadcast(SPECIES, x[column + 1 + 3 * xStride]), odd3);
            }
            FloatVector scale = scales(data, at + scalesStart());
            total0 = even0.add(odd0).fma(scale, total0);
            total1 = even1.add(odd1).fma(scale, total1);
            total2 = even2.add(odd2).fma(scale, total2);
            total3 = even3.add(odd3).fma(scale, total3);
            at += groupBytes();
        }
        total0.intoArray(y, yOffset);
        total1.intoArray(y, yOffset + yStride);
        total2.intoArray(y, yOffset + 2 * yStride);
        total3.intoArray(y, yOffset + 3 * yStride);
    }

    /**
     * Adds Σ offset · sum to the outputs of a strip.
     *
     * @param offsets where the offsets of the first group begin
     * @param sums of the input in each group
     */
    void addOffsets(MemorySegment data, long offsets, float[] sums, int sumsOffset, float[] y, int yOffset) {
        FloatVector total0 = FloatVector.fromArray(SPECIES, y, yOffset);
        FloatVector total1 = FloatVector.fromArray(SPECIES, y, yOffset + LANES);
        for (int group = 0; group < groups; group++) {
            FloatVector sum = FloatVector.broadcast(SPECIES, sums[sumsOffset + group]);
            long at = offsets + 2 * VECTOR_BYTES * group;
            total0 = scales(data, at).fma(sum, total0);
            total1 = scales(data, at + VECTOR_BYTES).fma(sum, total1);
        }
        total0.intoArray(y, yOffset);
        total1.intoArray(y, yOffset + LANES);
    }

    /**
     * Decodes some words of a group of a strip to a part of a panel `[columns, ROWS]`, as {@link MicroKernel} reads it.
     *
     * @param group where the words of the group begin
     * @param offsets where its offsets begin, or −1 if there are none
     * @param first of the group's words to decode
     */
    void decode(MemorySegment data, long group, long offsets, int first, int count, float[] panel, int panelOffset) {
        for (int half = 0; half < 2; half++) {
            long shift = half * VECTOR_BYTES;
            FloatVector scale = scales(data, group + scalesStart() + shift);
            FloatVector offset = offsets < 0 ? FloatVector.zero(SPECIES) : scales(data, offsets + shift);
            int to = panelOffset + half * LANES;
            for (int i = first; i < first + count; i++) {
                IntVector word = words(data, group + 2 * VECTOR_BYTES * i + shift);
                for (int pair = 0; pair < 2; pair++, to += 2 * ROWS) {
                    even(word).fma(scale, offset).intoArray(panel, to);
                    odd(word).fma(scale, offset).intoArray(panel, to + ROWS);
                    word = word.lanewise(VectorOperators.LSHR, 16);
                }
            }
        }
    }

    /** The codes at the lowest place of each word, less the middle. */
    private FloatVector even(IntVector word) {
        return word.and(EVEN_MASK).or(EVEN_POWER).reinterpretAsFloats().sub(evenMiddle);
    }

    /** The codes at the place above that. */
    private FloatVector odd(IntVector word) {
        return word.and(ODD_MASK).or(ODD_POWER).reinterpretAsFloats().sub(oddMiddle);
    }

    private static IntVector words(MemorySegment data, long at) {
        return IntVector.fromMemorySegment(INTS, data, at, ORDER);
    }

    private static FloatVector scales(MemorySegment data, long at) {
        return FloatVector.fromMemorySegment(SPECIES, data, at, ORDER);
    }
}
