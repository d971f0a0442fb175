package parsimony.core.backend.vector;

import java.util.Arrays;
import java.util.function.IntConsumer;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.backend.Parallel;

/**
 * Inputs rounded to 8 bits, x ≈ scale · q with q from −127 to 127 and a scale for each block of columns, in the order in which {@link IntegerKernel}
 * multiplies by them.
 *
 * <p>A large number among small ones would take their digits from them. Where the mean of a block's |q| is below {@value #PEAKED}, what rounding left over
 * is rounded once more, to 8 bits of its own, and multiplied too. That depends on the vector alone, so a product has the same bits in every batch.
 *
 * <p>Vectors are taken in tiles, whose vectors are multiplied at once. Those that were rounded twice in the same block of columns share tiles of their own.
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
    /** Below this many inputs waking another thread costs more than it gains. */
    private static final int PARALLEL_INPUTS = 1 << 15;

    private final Terms whole = new Terms();
    private final Terms remainder = new Terms();
    private PackedLayout layout;
    private int batch;
    private int tileVectors;
    private int tiles;
    /** For each block and vector: whether it is rounded twice. */
    private boolean[] peaked = {};
    /** For each block: tiles of remainders before it. */
    private int[] remainderTiles = {};
    /** The blocks that have remainders, in order. */
    private int[] remainderBlocks = {};

    private int remainderBlockCount;
    /** For each place in a tile of remainders: the vector there, or −1. */
    private int[] remainderVectors = {};

    /** Rounded numbers. The inputs are the sum of two of these, of which the second one is mostly empty. */
    static final class Terms {
        /** For each tile, block, column and vector of the tile: q, in either half of an int. */
        int[] inputs = {};
        /** For each tile, block and vector of the tile: −middle · Σ q, in either half of an int. */
        int[] starts = {};
        /** For each tile, block and vector of the tile. */
        float[] scales = {};
        /** For each tile, block and vector of the tile: scale · Σ q. */
        float[] sums = {};

        private void ensure(int places, int columnsPerBlock) {
            if (inputs.length < places * columnsPerBlock) {
                inputs = new int[places * columnsPerBlock];
            }
            if (scales.length < places) {
                starts = new int[places];
                scales = new float[places];
                sums = new float[places];
            }
        }
    }

    /**
     * Takes vectors in.
     *
     * @param x {@code batch} vectors of {@code layout.columns} inputs, from {@code offset} on
     * @param tileVectors vectors of a tile; what the places in the last tile hold that no vector takes is undefined
     */
    void round(PackedLayout layout, Parallel parallel, float[] x, int offset, int batch, int tileVectors) {
        this.layout = layout;
        this.batch = batch;
        this.tileVectors = tileVectors;
        tiles = Gemm.ceilDivide(batch, tileVectors);
        whole.ensure(tiles * layout.blocks * tileVectors, layout.columnsPerBlock);
        if (peaked.length < batch * layout.blocks) {
            peaked = new boolean[batch * layout.blocks];
        }
        forEach(parallel, tiles, tile -> roundTile(x, offset, tile));
        findRemainders();
        forEach(parallel, remainderBlockCount, i -> roundRemainders(x, offset, remainderBlocks[i]));
    }

    private void forEach(Parallel parallel, int count, IntConsumer task) {
        if (batch * layout.columns >= PARALLEL_INPUTS) {
            parallel.run(count, task);
            return;
        }
        for (int i = 0; i < count; i++) {
            task.accept(i);
        }
    }

    private void roundTile(float[] x, int offset, int tile) {
        float[] values = new float[COLUMNS];
        int[] pairs = new int[COLUMNS];
        for (int block = 0; block < layout.blocks; block++) {
            int place = (tile * layout.blocks + block) * tileVectors;
            for (int vector = tile * tileVectors; vector < Math.min(batch, (tile + 1) * tileVectors); vector++) {
                boolean isWhole = layout.blockColumns(block) == COLUMNS;
                if (!isWhole) {
                    copyBlock(x, offset, vector, block, values);
                }
                int from = offset + vector * layout.columns + layout.firstColumn(block);
                peaked[block * batch + vector] = round(isWhole ? x : values, isWhole ? from : 0, pairs, whole, place++);
            }
        }
    }

    private void copyBlock(float[] x, int offset, int vector, int block, float[] values) {
        int columns = layout.blockColumns(block);
        if (columns > 0) {
            System.arraycopy(x, offset + vector * layout.columns + layout.firstColumn(block), values, 0, columns);
        }
        Arrays.fill(values, columns, COLUMNS, 0);
    }

    /**
     * Rounds a block of one vector; says whether one number stands out. A method as long as this is not inlined, where within a large one that has used up its budget for
     * inlining vectors would become objects.
     */
    private boolean round(float[] values, int at, int[] pairs, Terms to, int place) {
        FloatVector largest = FloatVector.zero(SPECIES);
        for (int i = 0; i < COLUMNS; i += LANES) {
            largest = largest.max(FloatVector.fromArray(SPECIES, values, at + i).abs());
        }
        // NaN if one of the numbers is none.
        float scale = largest.reduceLanes(VectorOperators.MAX) / LARGEST;
        if (scale < Float.MIN_NORMAL) {
            scale = 0;
        }
        float inverse = scale == 0 ? 0 : 1 / scale;
        // Σ q in the lower half, Σ |q| in the higher one.
        IntVector sums = IntVector.zero(INTS);
        for (int i = 0; i < COLUMNS; i += LANES) {
            IntVector q = FloatVector.fromArray(SPECIES, values, at + i)
                    .mul(inverse)
                    .add(POWER)
                    .reinterpretAsInts()
                    .sub(Float.floatToRawIntBits(POWER));
            sums = sums.add(q).add(q.abs().lanewise(VectorOperators.LSHL, Short.SIZE));
            q.and(0xffff).or(q.lanewise(VectorOperators.LSHL, Short.SIZE)).intoArray(pairs, i);
        }
        int next = firstInput(place);
        for (int i = 0; i < layout.columnsPerBlock; i++, next += tileVectors) {
            to.inputs[next] = pairs[i];
        }
        int both = sums.reduceLanes(VectorOperators.ADD);
        int sum = (short) both;
        int start = -layout.middle * sum;
        to.starts[place] = start & 0xffff | start << 16;
        to.scales[place] = scale;
        to.sums[place] = scale * sum;
        int size = both - sum >> Short.SIZE;
        return size > 0 && size < PEAKED * layout.columnsPerBlock;
    }

    private int firstInput(int place) {
        int inTile = place % tileVectors;
        return (place - inTile) * layout.columnsPerBlock + inTile;
    }

    /** Gives every block and vector that is rounded twice a place in a tile. */
    private void findRemainders() {
        if (remainderTiles.length <= layout.blocks) {
            remainderTiles = new int[layout.blocks + 1];
            remainderBlocks = new int[layout.blocks];
        }
        remainderBlockCount = 0;
        int place = 0;
        for (int block = 0; block < layout.blocks; block++) {
            remainderTiles[block] = place / tileVectors;
            for (int vector = 0; vector < batch; vector++) {
                if (peaked[block * batch + vector]) {
                    place = addRemainder(place, vector);
                }
            }
            while (place % tileVectors != 0) {
                place = addRemainder(place, -1);
            }
            if (place > remainderTiles[block] * tileVectors) {
                remainderBlocks[remainderBlockCount++] = block;
            }
        }
        remainderTiles[layout.blocks] = place / tileVectors;
        remainder.ensure(place, layout.columnsPerBlock);
    }

    private int addRemainder(int place, int vector) {
        if (place == remainderVectors.length) {
            remainderVectors = Arrays.copyOf(remainderVectors, Math.max(COLUMNS, 2 * place));
        }
        remainderVectors[place] = vector;
        return place + 1;
    }

    /** Rounds what rounding left of a block of columns, in the vectors where one number stands out. */
    private void roundRemainders(float[] x, int offset, int block) {
        int first = remainderTiles[block] * tileVectors;
        int last = remainderTiles[block + 1] * tileVectors;
        float[] values = new float[COLUMNS];
        int[] pairs = new int[COLUMNS];
        for (int to = first; to < last && remainderVectors[to] >= 0; to++) {
            copyBlock(x, offset, remainderVectors[to], block, values);
            int from = place(remainderVectors[to], block);
            int next = firstInput(from);
            for (int i = 0; i < layout.columnsPerBlock; i++, next += tileVectors) {
                values[i] = Math.fma(-(short) whole.inputs[next], whole.scales[from], values[i]);
            }
            round(values, 0, pairs, remainder, to);
        }
    }

    private int place(int vector, int block) {
        return (vector / tileVectors * layout.blocks + block) * tileVectors + vector % tileVectors;
    }

    /** Sums of the rounded inputs of one vector in each of its groups. */
    void groupSums(int vector, float[] sums) {
        Arrays.fill(sums, 0, layout.groups, 0);
        for (int block = 0; block < layout.blocks; block++) {
            float sum = whole.sums[place(vector, block)];
            if (peaked[block * batch + vector]) {
                int place = remainderTiles[block] * tileVectors;
                while (remainderVectors[place] != vector) {
                    place++;
                }
                sum += remainder.sums[place];
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

    /** Blocks that have remainders. */
    int remainderBlocks() {
        return remainderBlockCount;
    }

    /** One of them; they are in order. */
    int remainderBlock(int index) {
        return remainderBlocks[index];
    }

    /** Tiles of remainders that belong to blocks before this one. */
    int remainderTiles(int block) {
        return remainderTiles[block];
    }

    /** The vector whose remainder has a place in a tile; −1 if there is none. */
    int remainderVector(int tile, int inTile) {
        return remainderVectors[tile * tileVectors + inTile];
    }
}
