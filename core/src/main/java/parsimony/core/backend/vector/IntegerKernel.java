package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
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
    static final int LANES = SPECIES.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final long VECTOR_BYTES = 4L * LANES;

    /** Rows of a vector of words: the first {@link #LANES} of them in the lower halves of its lanes. */
    static final int VECTOR_ROWS = 2 * LANES;
    /** Rows side by side. */
    static final int ROWS = 2 * VECTOR_ROWS;
    /** Vectors of inputs that {@link #multiplyTile} multiplies by. */
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
    private final int blocksPerGroup;

    IntegerKernel(PackedLayout layout) {
        groups = layout.groups;
        bits = layout.bits;
        middle = layout.middle;
        wordsPerGroup = layout.wordsPerGroup;
        wordsPerBlock = layout.wordsPerBlock;
        int code = (1 << bits) - 1;
        mask = code << 16 | code;
        placesPerWord = 16 / bits;
        blocksPerGroup = layout.blocksPerGroup;
    }

    /** Bytes from one group's words to the next one's; its scales lie between. */
    long groupBytes() {
        return VECTOR_BYTES * (4 + 2 * wordsPerGroup);
    }

    /** Where the scales of the group of a block lie. */
    long scalesOf(long strip, int block) {
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
     * @param sums room for {@link #SUMS} numbers: what stays in memory there keeps this small enough for C2 to inline all of it
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
            ShortVector sum0 = broadcast(starts, at + block - first);
            ShortVector sum1 = sum0;
            for (int i = 0; i < wordsPerBlock; i++, words += 2 * VECTOR_BYTES) {
                IntVector word0 = word(data, words);
                IntVector word1 = word(data, words + VECTOR_BYTES);
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
            FloatVector inputScale = FloatVector.broadcast(SPECIES, inputScales[at + block - first]);
            for (int half = 0; half < 2; half++) {
                IntVector sum = IntVector.fromArray(INTS, sums, half * LANES);
                int to = yAt + 2 * half * LANES;
                long scale = group + 2 * half * VECTOR_BYTES;
                low(sum).mul(inputScale)
                        .fma(scales(data, scale), FloatVector.fromArray(SPECIES, y, to))
                        .intoArray(y, to);
                high(sum)
                        .mul(inputScale)
                        .fma(scales(data, scale + VECTOR_BYTES), FloatVector.fromArray(SPECIES, y, to + LANES))
                        .intoArray(y, to + LANES);
            }
            if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                group += groupBytes();
                words += 4 * VECTOR_BYTES;
            }
        }
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
        int columns = wordsPerBlock * placesPerWord;
        int input = inputsAt;
        int inGroup = first % blocksPerGroup;
        long at = words(strip, first);
        for (int block = first; block < last; block++, input += (VECTORS - 1) * columns) {
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
                for (int place = 0; place < placesPerWord; place++, input++) {
                    ShortVector codes0 = codes(word0);
                    ShortVector codes1 = codes(word1);
                    ShortVector x = broadcast(inputs, input);
                    sum00 = codes0.mul(x).add(sum00);
                    sum01 = codes1.mul(x).add(sum01);
                    x = broadcast(inputs, input + columns);
                    sum10 = codes0.mul(x).add(sum10);
                    sum11 = codes1.mul(x).add(sum11);
                    x = broadcast(inputs, input + 2 * columns);
                    sum20 = codes0.mul(x).add(sum20);
                    sum21 = codes1.mul(x).add(sum21);
                    x = broadcast(inputs, input + 3 * columns);
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
                at += 4 * VECTOR_BYTES;
            }
        }
    }

    /**
     * Decodes some words of {@link #VECTOR_ROWS} rows to a part of a panel `[columns, VECTOR_ROWS]`, as {@link MicroKernel} reads it.
     *
     * @param words where the first of them lies
     * @param scales where the rows' scales of the group lie
     * @param offsets where their offsets lie, or −1 if there are none
     */
    void decode(MemorySegment data, long words, int count, long scales, long offsets, float[] panel, int panelAt) {
        decodeHalf(data, words, count, 0, scales, offsets, panel, panelAt);
        long next = offsets < 0 ? -1 : offsets + VECTOR_BYTES;
        decodeHalf(data, words, count, Short.SIZE, scales + VECTOR_BYTES, next, panel, panelAt + LANES);
    }

    private void decodeHalf(
            MemorySegment data,
            long words,
            int count,
            int shift,
            long scales,
            long offsets,
            float[] panel,
            int panelAt) {
        FloatVector scale = scales(data, scales);
        FloatVector offset = offsets < 0 ? FloatVector.zero(SPECIES) : scales(data, offsets);
        int to = panelAt;
        for (int i = 0; i < count; i++) {
            IntVector word = word(data, words + 2 * VECTOR_BYTES * i).lanewise(VectorOperators.LSHR, shift);
            for (int place = 0; place < placesPerWord; place++, to += VECTOR_ROWS) {
                FloatVector codes =
                        (FloatVector) word.and(mask & 0xffff).sub(middle).convert(VectorOperators.I2F, 0);
                codes.fma(scale, offset).intoArray(panel, to);
                word = word.lanewise(VectorOperators.LSHR, bits);
            }
        }
    }

    /**
     * Adds scale · input scale · sum of the blocks [first, last) of columns to one vector of outputs.
     *
     * @param sums from {@code sumsAt} on, every {@code vectors} · {@link #SUMS}
     * @param scales of the inputs, from {@code scalesAt} on, every {@code vectors}
     */
    void scale(
            MemorySegment data,
            long strip,
            int first,
            int last,
            int[] sums,
            int sumsAt,
            float[] scales,
            int scalesAt,
            int vectors,
            float[] y,
            int yAt) {
        FloatVector total0 = FloatVector.fromArray(SPECIES, y, yAt);
        FloatVector total1 = FloatVector.fromArray(SPECIES, y, yAt + LANES);
        FloatVector total2 = FloatVector.fromArray(SPECIES, y, yAt + 2 * LANES);
        FloatVector total3 = FloatVector.fromArray(SPECIES, y, yAt + 3 * LANES);
        int inGroup = first % blocksPerGroup;
        long at = scalesOf(strip, first);
        int from = sumsAt;
        int input = scalesAt;
        for (int block = first; block < last; block++) {
            FloatVector inputScale = FloatVector.broadcast(SPECIES, scales[input]);
            IntVector sum = IntVector.fromArray(INTS, sums, from);
            total0 = low(sum).mul(inputScale).fma(scales(data, at), total0);
            total1 = high(sum).mul(inputScale).fma(scales(data, at + VECTOR_BYTES), total1);
            sum = IntVector.fromArray(INTS, sums, from + LANES);
            total2 = low(sum).mul(inputScale).fma(scales(data, at + 2 * VECTOR_BYTES), total2);
            total3 = high(sum).mul(inputScale).fma(scales(data, at + 3 * VECTOR_BYTES), total3);
            from += vectors * SUMS;
            input += vectors;
            if (++inGroup == blocksPerGroup) {
                inGroup = 0;
                at += groupBytes();
            }
        }
        total0.intoArray(y, yAt);
        total1.intoArray(y, yAt + LANES);
        total2.intoArray(y, yAt + 2 * LANES);
        total3.intoArray(y, yAt + 3 * LANES);
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

    private ShortVector codes(IntVector word) {
        return word.and(mask).reinterpretAsShorts();
    }

    private static ShortVector broadcast(int[] pairs, int at) {
        return IntVector.broadcast(INTS, pairs[at]).reinterpretAsShorts();
    }

    private static IntVector word(MemorySegment data, long at) {
        return IntVector.fromMemorySegment(INTS, data, at, ORDER);
    }

    private static FloatVector scales(MemorySegment data, long at) {
        return FloatVector.fromMemorySegment(SPECIES, data, at, ORDER);
    }
}
