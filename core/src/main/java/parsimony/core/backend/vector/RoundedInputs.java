package parsimony.core.backend.vector;

import java.util.Arrays;
import java.util.BitSet;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Inputs rounded to 8 bits, x ≈ scale · q with q from −127 to 127 and a scale for each block of columns, in the order in which {@link IntegerKernel}
 * multiplies by them.
 *
 * <p>A large number among small ones would take their digits from them. Where the mean of a block's |q| is below {@value #PEAKED}, what rounding left over
 * is rounded once more, to 8 bits of its own, and multiplied too. That depends on the vector alone, so a product has the same bits in every batch.
 *
 * <p>Vectors are taken in tiles, whose vectors are multiplied at once.
 */
final class RoundedInputs {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final int COLUMNS = PackedLayout.BLOCK_COLUMNS;

    /** The largest |q|. */
    private static final int LARGEST = 127;
    /** Mean |q| below which a block is rounded twice. Normally distributed inputs have about 44. */
    private static final int PEAKED = 12;
    /** Floats of this size have no digits behind the point: added to a number it rounds it, and leaves its integer in the lowest bits. */
    private static final float POWER = 0x1.8p23f;

    private final Terms whole = new Terms();
    private final Terms remainder = new Terms();
    private PackedLayout layout;
    private int batch;
    private int tileVectors;
    private int tiles;
    private boolean[] peaked = {};
    private final BitSet peakedInAny = new BitSet();

    /** Rounded numbers of all vectors. The inputs are the sum of two of these, of which the second one is mostly unused. */
    static final class Terms {
        /** For each tile, block and vector of the tile: q of the block's columns, in either half of an int. */
        int[] inputs = {};
        /** For each tile, block and vector of the tile: −middle · Σ q, in either half of an int. */
        int[] starts = {};
        /** For each tile, block and vector of the tile. */
        float[] scales = {};
        /** For each tile, block and vector of the tile: scale · Σ q. */
        float[] sums = {};

        private void ensure(int blocks, int columnsPerBlock) {
            if (inputs.length < blocks * columnsPerBlock) {
                inputs = new int[blocks * columnsPerBlock];
            }
            if (scales.length < blocks) {
                starts = new int[blocks];
                scales = new float[blocks];
                sums = new float[blocks];
            }
        }
    }

    /**
     * Takes vectors in.
     *
     * @param x {@code batch} vectors of {@code layout.columns} inputs
     * @param tileVectors vectors of a tile; the last tile is filled up with zeros
     */
    void round(PackedLayout layout, float[] x, int batch, int tileVectors) {
        this.layout = layout;
        this.batch = batch;
        this.tileVectors = tileVectors;
        tiles = Gemm.ceilDivide(batch, tileVectors);
        int blocks = tiles * layout.blocks;
        whole.ensure(blocks * tileVectors, layout.columnsPerBlock);
        remainder.ensure(blocks * tileVectors, layout.columnsPerBlock);
        if (peaked.length < blocks) {
            peaked = new boolean[blocks];
        }
        for (int tile = 0; tile < tiles; tile++) {
            roundTile(x, tile);
        }
        peakedInAny.clear();
        for (int i = 0; i < blocks; i++) {
            if (peaked[i]) {
                peakedInAny.set(i % layout.blocks);
            }
        }
    }

    private void roundTile(float[] x, int tile) {
        float[] values = new float[COLUMNS * tileVectors];
        int[] pairs = new int[COLUMNS];
        for (int block = 0; block < layout.blocks; block++) {
            int index = tile * layout.blocks + block;
            peaked[index] = false;
            for (int i = 0; i < tileVectors; i++) {
                int vector = tile * tileVectors + i;
                int columns = vector < batch ? layout.blockColumns(block) : 0;
                int at = i * COLUMNS;
                if (columns > 0) {
                    int from = vector * layout.columns + layout.firstColumn(block);
                    System.arraycopy(x, from, values, at, columns);
                }
                Arrays.fill(values, at + columns, at + COLUMNS, 0);
                peaked[index] |= roundBlock(values, at, pairs, whole, index * tileVectors + i);
            }
            if (peaked[index]) {
                for (int i = 0; i < tileVectors; i++) {
                    roundRemainder(values, i * COLUMNS, pairs, index * tileVectors + i);
                }
            }
        }
    }

    /** Rounds a block of one vector; says whether one number stands out. */
    private boolean roundBlock(float[] values, int at, int[] pairs, Terms to, int index) {
        float scale = largest(values, at) / LARGEST;
        if (scale < Float.MIN_NORMAL) {
            scale = 0;
        }
        float inverse = scale == 0 ? 0 : 1 / scale;
        IntVector sums = IntVector.zero(INTS);
        IntVector sizes = sums;
        for (int i = 0; i < COLUMNS; i += LANES) {
            IntVector q = FloatVector.fromArray(SPECIES, values, at + i)
                    .mul(inverse)
                    .add(POWER)
                    .reinterpretAsInts()
                    .sub(Float.floatToRawIntBits(POWER));
            sums = sums.add(q);
            sizes = sizes.add(q.abs());
            q.and(0xffff).or(q.lanewise(VectorOperators.LSHL, 16)).intoArray(pairs, i);
        }
        System.arraycopy(pairs, 0, to.inputs, index * layout.columnsPerBlock, layout.columnsPerBlock);
        int sum = sums.reduceLanes(VectorOperators.ADD);
        int start = -layout.middle * sum;
        to.starts[index] = start & 0xffff | start << 16;
        to.scales[index] = scale;
        to.sums[index] = scale * sum;
        int size = sizes.reduceLanes(VectorOperators.ADD);
        return size > 0 && size < PEAKED * layout.columnsPerBlock;
    }

    /** Rounds what rounding left of a block; nothing where no number stands out, for a vector may not depend on the others of its tile. */
    private void roundRemainder(float[] values, int at, int[] pairs, int index) {
        boolean isPeaked = roundBlock(values, at, pairs, whole, index);
        for (int i = 0; i < COLUMNS; i++) {
            values[at + i] = isPeaked ? Math.fma(-(short) pairs[i], whole.scales[index], values[at + i]) : 0;
        }
        roundBlock(values, at, pairs, remainder, index);
    }

    /** The largest magnitude of a block; NaN if one of its numbers is none. */
    private static float largest(float[] values, int at) {
        FloatVector largest = FloatVector.zero(SPECIES);
        for (int i = at; i < at + COLUMNS; i += LANES) {
            largest = largest.max(FloatVector.fromArray(SPECIES, values, i).abs());
        }
        return largest.reduceLanes(VectorOperators.MAX);
    }

    /** Sums of the rounded inputs of one vector in each of its groups. */
    void groupSums(int vector, float[] sums) {
        Arrays.fill(sums, 0, layout.groups, 0);
        int tile = vector / tileVectors;
        for (int block = 0; block < layout.blocks; block++) {
            int index = (tile * layout.blocks + block) * tileVectors + vector % tileVectors;
            float sum = whole.sums[index];
            if (isPeaked(tile, block)) {
                sum += remainder.sums[index];
            }
            sums[layout.group(block)] += sum;
        }
    }

    int tiles() {
        return tiles;
    }

    int batch() {
        return batch;
    }

    int tileVectors() {
        return tileVectors;
    }

    Terms whole() {
        return whole;
    }

    Terms remainder() {
        return remainder;
    }

    /** The first block from {@code block} on that was rounded twice in any tile; the number of blocks if there is none. */
    int nextPeaked(int block) {
        int next = peakedInAny.nextSetBit(block);
        return next < 0 ? layout.blocks : next;
    }

    /** Whether a block was rounded twice, which it is if a number stands out in one of the tile's vectors. */
    boolean isPeaked(int tile, int block) {
        return peaked[tile * layout.blocks + block];
    }
}
