package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Multiplies {@link #ROWS} rows of an {@link IntegerMatrix}, a strip, side by side, by {@link RoundedInputs}.
 *
 * <p>Each lane of 16 bits is a row. It starts at −middle · Σ q and adds up code · q of a block of columns. What the lane holds then is Σ (code − middle) · q, which
 * 16 bits hold for 32 columns of codes of 4 bits: 32 · 8 · 127 &lt; 2¹⁵. That sums on the way may be larger does not matter, for they lose only multiples of
 * 2¹⁶. Only once a block the lanes are widened, and multiplied by the scales of weights and inputs.
 *
 * <p>The lower half of a lane of 32 bits is a row, the higher half the row {@code LANES} behind it, so that widening takes no more than shifts.
 *
 * <p>Sums of integers are exact in any order, and {@link #multiply} scales them by the same chain of operations as {@link #scale}. It does so in the same pass over
 * the words, which a single vector has to itself; for a tile all of it would be more than C2 inlines.
 */
final class IntegerKernel {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_PREFERRED;
    static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long VECTOR_BYTES = 4L * LANES;

    /** Rows of a vector of words: the first {@link #LANES} of them in the lower halves of its lanes. */
    static final int VECTOR_ROWS = 2 * LANES;
    /** Rows side by side. */
    static final int ROWS = 2 * VECTOR_ROWS;
    /** Vectors of inputs of a tile, which are multiplied by at once. */
    static final int VECTORS = 4;
    /** Ints that hold the sums of {@link #ROWS} rows. */
    static final int SUMS = 2 * LANES;

    private final int groups;
    private final int bits;
    private final int middle;
    private final int mask;
    private final int placesPerWord;
    private final int wordsPerGroup;
    private final int wordsPerBlock;
    private final int columnsPerBlock;
    private final int blocksPerGroup;
    private final boolean hasHalfScales;
    private final long scaleBytes;

    IntegerKernel(PackedLayout layout) {
        groups = layout.groups;
        bits = layout.bits;
        middle = layout.middle;
        wordsPerGroup = layout.wordsPerGroup;
        wordsPerBlock = layout.wordsPerBlock;
        int code = (1 << bits) - 1;
        mask = code << 16 | code;
        placesPerWord = 16 / bits;
        columnsPerBlock = layout.columnsPerBlock;
        blocksPerGroup = layout.blocksPerGroup;
        hasHalfScales = layout.hasHalfScales;
        scaleBytes = Integer.BYTES * layout.scaleInts(ROWS);
    }

    /** Bytes from one group's words to the next one's; its scales lie between. */
    private long groupBytes() {
        return 2 * VECTOR_BYTES * wordsPerGroup + scaleBytes;
    }

    /** Where the scales of the group of a block lie. */
    private long scalesOf(long strip, int block) {
        return strip + block / blocksPerGroup * groupBytes() + VECTOR_BYTES * (2 * wordsPerGroup);
    }

    /** Where the words of a block lie. */
    private long words(long strip, int block) {
        return strip
                + block / blocksPerGroup * groupBytes()
                + VECTOR_BYTES * (block % blocksPerGroup * 2 * wordsPerBlock);
    }

    /**
     * Adds scale · input scale · Σ (code − middle) · q of the blocks [first, last) of columns to the outputs of one vector.
     *
     * @param strip where the words of the first group begin
     * @param inputs as in {@link RoundedInputs.Terms}, from {@code inputsAt} on
     * @param starts of the sums, from {@code at} on, as are the {@code inputScales}
     * @param sums room for {@link #SUMS} numbers
     */
    void multiply(
            MemorySegment data,
            long strip,
            int first,
            int last,
            int[] inputs,
            int inputsAt,
            int[] starts,
            float[] inputScales,
            int at,
            int[] sums,
            float[] y,
            int yAt) {
        int input = inputsAt;
        int inGroup = first % blocksPerGroup;
        long group = scalesOf(strip, first);
        long words = words(strip, first);
        for (int block = first; block < last; block++) {
            addUp(data, words, inputs, input, starts[at + block - first], sums);
            input += columnsPerBlock;
            words += 2 * VECTOR_BYTES * wordsPerBlock;
            FloatVector inputScale = FloatVector.broadcast(SPECIES, inputScales[at + block - first]);
            for (int half = 0; half < 2; half++) {
                IntVector sum = IntVector.fromArray(INTS, sums, half * LANES);
                FloatVector scale0;
                FloatVector scale1;
                if (hasHalfScales) {
                    IntVector two = word(data, group + half * VECTOR_BYTES);
                    scale0 = halves(two.lanewise(VectorOperators.LSHL, Short.SIZE));
                    scale1 = halves(two);
                } else {
                    scale0 = scales(data, group + 2 * half * VECTOR_BYTES);
                    scale1 = scales(data, group + (2 * half + 1) * VECTOR_BYTES);
                }
                int to = yAt + 2 * half * LANES;
                low(sum).mul(inputScale)
                        .fma(scale0, FloatVector.fromArray(SPECIES, y, to))
                        .intoArray(y, to);
                high(sum)
                        .mul(inputScale)
                        .fma(scale1, FloatVector.fromArray(SPECIES, y, to + LANES))
                        .intoArray(y, to + LANES);
            }
            if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                group += groupBytes();
                words += scaleBytes;
            }
        }
    }

    /** Adds up codes · inputs of one block of columns. In one method with both ways of scaling C2 makes slower code of all. */
    private void addUp(MemorySegment data, long words, int[] inputs, int firstInput, int start, int[] sums) {
        long at = words;
        int input = firstInput;
        ShortVector sum0 = IntVector.broadcast(INTS, start).reinterpretAsShorts();
        ShortVector sum1 = sum0;
        for (int i = 0; i < wordsPerBlock; i++, at += 2 * VECTOR_BYTES) {
            IntVector word0 = word(data, at);
            IntVector word1 = word(data, at + VECTOR_BYTES);
            for (int place = 0; place < placesPerWord; place++) {
                ShortVector x = broadcast(inputs, input++);
                sum0 = codes(word0).mul(x).add(sum0);
                sum1 = codes(word1).mul(x).add(sum1);
                word0 = word0.lanewise(VectorOperators.LSHR, bits);
                word1 = word1.lanewise(VectorOperators.LSHR, bits);
            }
        }
        sum0.reinterpretAsInts().intoArray(sums, 0);
        sum1.reinterpretAsInts().intoArray(sums, LANES);
    }

    /**
     * Adds up codes · inputs of the blocks [first, last) of columns for a tile of {@link #VECTORS} vectors.
     *
     * @param sums gets for each block and vector its starting number plus Σ code · q, as 16 bits of each row
     */
    void multiplyTile(
            MemorySegment data,
            long strip,
            int first,
            int last,
            int[] inputs,
            int inputsAt,
            int[] starts,
            int startsAt,
            int[] sums) {
        int input = inputsAt;
        int inGroup = first % blocksPerGroup;
        long at = words(strip, first);
        for (int block = first; block < last; block++) {
            int start = startsAt + (block - first) * VECTORS;
            ShortVector sum00 = broadcast(starts, start);
            ShortVector sum01 = sum00;
            ShortVector sum10 = broadcast(starts, start + 1);
            ShortVector sum11 = sum10;
            ShortVector sum20 = broadcast(starts, start + 2);
            ShortVector sum21 = sum20;
            ShortVector sum30 = broadcast(starts, start + 3);
            ShortVector sum31 = sum30;
            for (int i = 0; i < wordsPerBlock; i++, at += 2 * VECTOR_BYTES) {
                IntVector word0 = word(data, at);
                IntVector word1 = word(data, at + VECTOR_BYTES);
                for (int place = 0; place < placesPerWord; place++, input += VECTORS) {
                    ShortVector codes0 = codes(word0);
                    ShortVector codes1 = codes(word1);
                    ShortVector x = broadcast(inputs, input);
                    sum00 = codes0.mul(x).add(sum00);
                    sum01 = codes1.mul(x).add(sum01);
                    x = broadcast(inputs, input + 1);
                    sum10 = codes0.mul(x).add(sum10);
                    sum11 = codes1.mul(x).add(sum11);
                    x = broadcast(inputs, input + 2);
                    sum20 = codes0.mul(x).add(sum20);
                    sum21 = codes1.mul(x).add(sum21);
                    x = broadcast(inputs, input + 3);
                    sum30 = codes0.mul(x).add(sum30);
                    sum31 = codes1.mul(x).add(sum31);
                    word0 = word0.lanewise(VectorOperators.LSHR, bits);
                    word1 = word1.lanewise(VectorOperators.LSHR, bits);
                }
            }
            int to = (block - first) * VECTORS * SUMS;
            sum00.reinterpretAsInts().intoArray(sums, to);
            sum01.reinterpretAsInts().intoArray(sums, to + LANES);
            sum10.reinterpretAsInts().intoArray(sums, to + 2 * LANES);
            sum11.reinterpretAsInts().intoArray(sums, to + 3 * LANES);
            sum20.reinterpretAsInts().intoArray(sums, to + 4 * LANES);
            sum21.reinterpretAsInts().intoArray(sums, to + 5 * LANES);
            sum30.reinterpretAsInts().intoArray(sums, to + 6 * LANES);
            sum31.reinterpretAsInts().intoArray(sums, to + 7 * LANES);
            if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                at += scaleBytes;
            }
        }
    }

    /**
     * Spreads the codes of the blocks [first, last) of columns, less the middle, over lanes of 16 bits, for {@link #multiplySpread}.
     *
     * @param packed room for {@link #packedSize} numbers: copied at once they come from memory faster than word by word
     * @param codes gets `[columns, ROWS]` of them
     */
    void spread(MemorySegment data, long strip, int first, int last, int[] packed, int[] codes) {
        long from = words(strip, first);
        int size = (int) (words(strip, last) - from) / Integer.BYTES;
        MemorySegment.copy(data, ValueLayout.JAVA_INT, from, packed, 0, size);
        int inGroup = first % blocksPerGroup;
        int at = 0;
        for (int block = first, to = 0; block < last; block++, to += columnsPerBlock * SUMS) {
            spread(packed, at, codes, to);
            at += wordsPerBlock * SUMS;
            if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                at += (int) scaleBytes / Integer.BYTES;
            }
        }
    }

    /** Ints that some blocks take, the scales of their groups included. */
    int packedSize(int blocks) {
        return blocks * (wordsPerBlock * SUMS + (int) scaleBytes / Integer.BYTES);
    }

    private void spread(int[] packed, int at, int[] codes, int to) {
        ShortVector middles = broadcast(middle);
        for (int i = 0; i < wordsPerBlock * SUMS; i += LANES) {
            IntVector word = IntVector.fromArray(INTS, packed, at + i);
            int code = to + i / SUMS * placesPerWord * SUMS + i % SUMS;
            for (int place = 0; place < placesPerWord; place++, code += SUMS) {
                codes(word).sub(middles).reinterpretAsInts().intoArray(codes, code);
                word = word.lanewise(VectorOperators.LSHR, bits);
            }
        }
    }

    /** Copies the scales of the blocks [first, last), `[blocks, ROWS]`. */
    void copyScales(MemorySegment data, long strip, int first, int last, float[] scales) {
        for (int block = first, to = 0; block < last; block++, to += ROWS) {
            long from = scalesOf(strip, block);
            if (hasHalfScales) {
                decodeHalves(data, from, scales, to);
            } else {
                MemorySegment.copy(data, ValueLayout.JAVA_FLOAT, from, scales, to, ROWS);
            }
        }
    }

    private static void decodeHalves(MemorySegment data, long from, float[] scales, int to) {
        for (int row = 0; row < ROWS; row += VECTOR_ROWS) {
            IntVector two = word(data, from + Short.BYTES * row);
            halves(two.lanewise(VectorOperators.LSHL, Short.SIZE)).intoArray(scales, to + row);
            halves(two).intoArray(scales, to + row + LANES);
        }
    }

    /**
     * Adds up (code − middle) · q of some blocks of columns for a tile of {@link #VECTORS} vectors.
     *
     * @param codes of these blocks, as {@link #spread} left them
     * @param sums gets for each block and vector the sum, as 16 bits of each row
     */
    void multiplySpread(int[] codes, int blocks, int[] inputs, int inputsAt, int[] sums) {
        int input = inputsAt;
        int code = 0;
        for (int to = 0; to < blocks * VECTORS * SUMS; to += VECTORS * SUMS) {
            ShortVector sum00 = ShortVector.zero(SHORTS);
            ShortVector sum01 = sum00;
            ShortVector sum10 = sum00;
            ShortVector sum11 = sum00;
            ShortVector sum20 = sum00;
            ShortVector sum21 = sum00;
            ShortVector sum30 = sum00;
            ShortVector sum31 = sum00;
            for (int i = 0; i < columnsPerBlock; i++, code += SUMS, input += VECTORS) {
                ShortVector codes0 = IntVector.fromArray(INTS, codes, code).reinterpretAsShorts();
                ShortVector codes1 =
                        IntVector.fromArray(INTS, codes, code + LANES).reinterpretAsShorts();
                ShortVector x = broadcast(inputs, input);
                sum00 = codes0.mul(x).add(sum00);
                sum01 = codes1.mul(x).add(sum01);
                x = broadcast(inputs, input + 1);
                sum10 = codes0.mul(x).add(sum10);
                sum11 = codes1.mul(x).add(sum11);
                x = broadcast(inputs, input + 2);
                sum20 = codes0.mul(x).add(sum20);
                sum21 = codes1.mul(x).add(sum21);
                x = broadcast(inputs, input + 3);
                sum30 = codes0.mul(x).add(sum30);
                sum31 = codes1.mul(x).add(sum31);
            }
            sum00.reinterpretAsInts().intoArray(sums, to);
            sum01.reinterpretAsInts().intoArray(sums, to + LANES);
            sum10.reinterpretAsInts().intoArray(sums, to + 2 * LANES);
            sum11.reinterpretAsInts().intoArray(sums, to + 3 * LANES);
            sum20.reinterpretAsInts().intoArray(sums, to + 4 * LANES);
            sum21.reinterpretAsInts().intoArray(sums, to + 5 * LANES);
            sum30.reinterpretAsInts().intoArray(sums, to + 6 * LANES);
            sum31.reinterpretAsInts().intoArray(sums, to + 7 * LANES);
        }
    }

    /**
     * Adds scale · input scale · sum of some blocks of columns to the outputs of a tile of {@link #VECTORS} vectors.
     *
     * @param scales of these blocks, as {@link #copyScales} left them
     * @param sums as {@link #multiplyTile} or {@link #multiplySpread} left them
     * @param inputScales of each block and vector, from {@code at} on
     */
    void scaleTile(float[] scales, int blocks, int[] sums, float[] inputScales, int at, float[] y, int yAt) {
        for (int half = 0; half < 2; half++) {
            for (int vector = 0; vector < VECTORS; vector += 2) {
                int to = yAt + vector * ROWS + half * VECTOR_ROWS;
                FloatVector total00 = FloatVector.fromArray(SPECIES, y, to);
                FloatVector total01 = FloatVector.fromArray(SPECIES, y, to + LANES);
                FloatVector total10 = FloatVector.fromArray(SPECIES, y, to + ROWS);
                FloatVector total11 = FloatVector.fromArray(SPECIES, y, to + ROWS + LANES);
                int scale = half * VECTOR_ROWS;
                int from = vector * SUMS + half * LANES;
                int input = at + vector;
                for (int block = 0; block < blocks; block++) {
                    FloatVector scale0 = FloatVector.fromArray(SPECIES, scales, scale + block * ROWS);
                    FloatVector scale1 = FloatVector.fromArray(SPECIES, scales, scale + block * ROWS + LANES);
                    FloatVector inputScale = FloatVector.broadcast(SPECIES, inputScales[input + block * VECTORS]);
                    IntVector sum = IntVector.fromArray(INTS, sums, from + block * (VECTORS * SUMS));
                    total00 = low(sum).mul(inputScale).fma(scale0, total00);
                    total01 = high(sum).mul(inputScale).fma(scale1, total01);
                    inputScale = FloatVector.broadcast(SPECIES, inputScales[input + block * VECTORS + 1]);
                    sum = IntVector.fromArray(INTS, sums, from + block * (VECTORS * SUMS) + SUMS);
                    total10 = low(sum).mul(inputScale).fma(scale0, total10);
                    total11 = high(sum).mul(inputScale).fma(scale1, total11);
                }
                total00.intoArray(y, to);
                total01.intoArray(y, to + LANES);
                total10.intoArray(y, to + ROWS);
                total11.intoArray(y, to + ROWS + LANES);
            }
        }
    }

    /**
     * Adds Σ offset · sum to one vector of outputs.
     *
     * @param offsets where the offsets of the first group begin
     * @param sums of the inputs in each group
     */
    void addOffsets(MemorySegment data, long offsets, float[] sums, float[] y, int yAt) {
        for (int lane = 0; lane < ROWS; lane += LANES) {
            FloatVector total = FloatVector.fromArray(SPECIES, y, yAt + lane);
            for (int group = 0; group < groups; group++) {
                total = scales(data, offsets + 4L * (group * ROWS + lane))
                        .fma(FloatVector.broadcast(SPECIES, sums[group]), total);
            }
            total.intoArray(y, yAt + lane);
        }
    }

    private static FloatVector low(IntVector sums) {
        return (FloatVector) sums.lanewise(VectorOperators.LSHL, 16)
                .lanewise(VectorOperators.ASHR, 16)
                .convert(VectorOperators.I2F, 0);
    }

    private static FloatVector high(IntVector sums) {
        return (FloatVector) sums.lanewise(VectorOperators.ASHR, 16).convert(VectorOperators.I2F, 0);
    }

    /** The numbers in half precision in the higher halves: their exponents, moved to where those of floats are, are too small by the difference of the two biases. */
    private static FloatVector halves(IntVector bits) {
        return bits.lanewise(VectorOperators.ASHR, 3)
                .and(0x8fffe000)
                .reinterpretAsFloats()
                .mul(0x1p112f);
    }

    private ShortVector codes(IntVector word) {
        return word.and(mask).reinterpretAsShorts();
    }

    private static ShortVector broadcast(int[] pairs, int at) {
        return IntVector.broadcast(INTS, pairs[at]).reinterpretAsShorts();
    }

    private static ShortVector broadcast(int number) {
        return IntVector.broadcast(INTS, number << Short.SIZE | number).reinterpretAsShorts();
    }

    private static IntVector word(MemorySegment data, long at) {
        return IntVector.fromMemorySegment(INTS, data, at, ORDER);
    }

    private static FloatVector scales(MemorySegment data, long at) {
        return FloatVector.fromMemorySegment(SPECIES, data, at, ORDER);
    }
}
