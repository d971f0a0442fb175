package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Multiplies by strips of a {@link PackedMatrix}: {@link #ROWS} rows side by side, so that each lane is an output and no
 * sum over lanes is needed.
 *
 * <p>A code becomes a float without a conversion: masked where it stands in its word, and with a power of two's exponent set
 * above it, it reads as that power plus the code, exactly. A subtraction takes off the power and, with it, the middle of the
 * codes' range: numbers around zero lose least to rounding. Codes must stand in the lower half of the word for that, so two
 * neighbours are taken from a word and then it is shifted.
 *
 * <p>Every output is the same chain of operations, whatever is multiplied beside it: columns at even and at odd places of
 * their words are added up apart within a group, then both sums together times the scale are added to what the groups before gave.
 *
 * <p>Two things about C2 shape these loops. It stops to inline, and boxes every vector, once a method has some sixty vector
 * operations; masks and the like are therefore vectors made beforehand. And it unrolls a loop of a few rounds only if their
 * number is a constant, which is why each width has a class of its own, all alike.
 */
abstract sealed class PackedKernel permits Packed2Kernel, Packed4Kernel, Packed8Kernel {
    static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();

    private static final IntVector HALF_PARTS = IntVector.broadcast(INTS, 0x8fffe000);
    private static final FloatVector HALF_POWER = FloatVector.broadcast(SPECIES, 0x1p112f);

    /** Ints from one word, or scale, of a strip to the next, between which lies that of the other strip. */
    static final int STRIDE = 2 * LANES;
    /** Rows of a strip. */
    static final int ROWS = LANES;
    /** Vectors that {@link #multiplyFour} multiplies with. */
    static final int VECTORS = 4;

    private final int bits;
    final int groups;
    final int wordsPerGroup;
    private final boolean halfScales;
    /** By how many columns two neighbouring even places of a word differ. */
    final int evenStep;
    /** By how many columns an odd place differs from the even one before. */
    final int oddStep;

    final IntVector evenMask;
    final IntVector evenPower;
    final FloatVector evenMiddle;
    final IntVector oddMask;
    final IntVector oddPower;
    final FloatVector oddMiddle;
    final IntVector pair;

    /**
     * @param bits of a packed code: 2, 4 or 8
     * @param middle what is taken off every code
     * @param halfScales whether scales are in half precision, those of two groups in a word, rather than floats
     * @param halves whether a group's first half of columns stands at the even places of its words and the second half at the odd ones, as
     *     in files, rather than column after column
     */
    static PackedKernel of(int bits, int middle, int groups, int wordsPerGroup, boolean halfScales, boolean halves) {
        return switch (bits) {
            case 2 -> new Packed2Kernel(middle, groups, wordsPerGroup, halfScales, halves);
            case 4 -> new Packed4Kernel(middle, groups, wordsPerGroup, halfScales, halves);
            default -> new Packed8Kernel(middle, groups, wordsPerGroup, halfScales, halves);
        };
    }

    PackedKernel(int bits, int middle, int groups, int wordsPerGroup, boolean halfScales, boolean halves) {
        this.bits = bits;
        this.groups = groups;
        this.wordsPerGroup = wordsPerGroup;
        this.halfScales = halfScales;
        evenStep = halves ? 1 : 2;
        oddStep = halves ? groupColumns() / 2 : 1;
        int mask = (1 << bits) - 1;
        float even = 0x1p23f;
        float odd = 1 << (23 - bits);
        evenMask = IntVector.broadcast(INTS, mask);
        evenPower = IntVector.broadcast(INTS, Float.floatToRawIntBits(even));
        evenMiddle = FloatVector.broadcast(SPECIES, even + middle);
        oddMask = IntVector.broadcast(INTS, mask << bits);
        oddPower = IntVector.broadcast(INTS, Float.floatToRawIntBits(odd));
        oddMiddle = FloatVector.broadcast(SPECIES, odd + middle);
        pair = IntVector.broadcast(INTS, 2 * bits);
    }

    /** Ints that the codes of a pair of strips take. Their scales follow. */
    int codeInts() {
        return groups * wordsPerGroup * STRIDE;
    }

    /** Ints that the scales of a pair take. */
    int scaleInts() {
        return (halfScales ? Gemm.ceilDivide(groups, 2) : groups) * STRIDE;
    }

    int wordsPerGroup() {
        return wordsPerGroup;
    }

    /** Columns of a group, with those that only fill its last word. */
    int groupColumns() {
        return wordsPerGroup * (32 / bits);
    }

    /**
     * Σ scale · (code − middle) · x for both strips of a pair.
     *
     * @param strip where the first begins
     * @param x groups · groupColumns numbers from {@code column} on
     * @param y twice {@link #ROWS} outputs from {@code yOffset} on
     */
    abstract void multiply(int[] data, int strip, float[] x, int column, float[] y, int yOffset);

    /**
     * The same of one strip for four vectors at once, whose outputs are {@code yStride} apart.
     *
     * @param x number by number of all four, from {@code column} on
     */
    abstract void multiplyFour(int[] data, int strip, float[] x, int column, float[] y, int yOffset, int yStride);

    /**
     * Adds Σ offset · sum to the outputs of a strip.
     *
     * @param offsets where the offsets of the strip's first group begin
     * @param sums of the input in each group
     */
    void addOffsets(int[] data, int offsets, float[] sums, int sumsOffset, float[] y, int yOffset) {
        FloatVector total = FloatVector.fromArray(SPECIES, y, yOffset);
        for (int group = 0; group < groups; group++) {
            total = floats(data, offsets + group * STRIDE).fma(broadcast(sums, sumsOffset + group), total);
        }
        total.intoArray(y, yOffset);
    }

    /**
     * Decodes some words of a group of a strip to a part of a panel `[columns, MicroKernel.WIDTH]`.
     *
     * @param strip where the strip begins
     * @param offsets where its offsets begin, or −1 if there are none
     * @param first of the group's words to decode
     */
    void decode(int[] data, int strip, int offsets, int group, int first, int count, float[] panel, int panelOffset) {
        FloatVector scale = scale(data, strip + codeInts(), group);
        FloatVector offset = offsets < 0 ? FloatVector.zero(SPECIES) : floats(data, offsets + group * STRIDE);
        int pairs = 16 / bits;
        int step = evenStep * MicroKernel.WIDTH;
        int odd = oddStep * MicroKernel.WIDTH;
        int at = strip + (group * wordsPerGroup + first) * STRIDE;
        int to = panelOffset;
        for (int i = 0; i < count; i++, at += STRIDE) {
            IntVector word = IntVector.fromArray(INTS, data, at);
            for (int j = 0; j < pairs; j++, to += step) {
                even(word).fma(scale, offset).intoArray(panel, to);
                odd(word).fma(scale, offset).intoArray(panel, to + odd);
                word = word.lanewise(VectorOperators.LSHR, pair);
            }
        }
    }

    /** The codes at the lowest place of each word, less the middle. */
    private FloatVector even(IntVector word) {
        return code(word, evenMask, evenPower, evenMiddle);
    }

    /** The codes at the place above that. */
    private FloatVector odd(IntVector word) {
        return code(word, oddMask, oddPower, oddMiddle);
    }

    static FloatVector code(IntVector word, IntVector mask, IntVector power, FloatVector middle) {
        return word.lanewise(VectorOperators.AND, mask)
                .lanewise(VectorOperators.OR, power)
                .reinterpretAsFloats()
                .lanewise(VectorOperators.SUB, middle);
    }

    /**
     * The scales of a group. Half precision, moved to where single precision has sign, exponent and fraction, is too small by a
     * power of two, subnormal or not; all scales are finite.
     */
    final FloatVector scale(int[] data, int scales, int group) {
        if (!halfScales) {
            return floats(data, scales + group * STRIDE);
        }
        IntVector both = IntVector.fromArray(INTS, data, scales + (group >> 1) * STRIDE);
        IntVector own = both.lanewise(VectorOperators.LSHL, IntVector.broadcast(INTS, (~group & 1) << 4));
        return own.lanewise(VectorOperators.ASHR, 3)
                .lanewise(VectorOperators.AND, HALF_PARTS)
                .reinterpretAsFloats()
                .lanewise(VectorOperators.MUL, HALF_POWER);
    }

    private static FloatVector floats(int[] data, int at) {
        return IntVector.fromArray(INTS, data, at).reinterpretAsFloats();
    }

    static FloatVector broadcast(float[] x, int index) {
        return FloatVector.broadcast(SPECIES, x[index]);
    }
}
