package parsimony.core.backend.vector;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.AffineGroups;

/**
 * Weights of at most 4 bits. Inputs are rounded to 8 bits ({@link RoundedInputs}) and multiplied in integers, as llama.cpp does too: the rounding is far below that of the
 * weights, and vectors hold twice as many integers of 16 bits as floats. A few inputs are multiplied with the codes as they stream by; for many, the codes of some blocks are
 * first spread over lanes, once for all. Codes keep their width if it is 2 or 4 bits, and get 4 if it is 3.
 *
 * <p>An output's bits depend neither on the number of threads nor on the batch: what a prompt is read with equals what is decoded one by one.
 */
final class IntegerMatrix extends PackedMatrix {
    private static final int ROWS = IntegerKernel.ROWS;
    private static final int VECTORS = IntegerKernel.VECTORS;
    /** Blocks of columns whose codes are spread, and whose sums are kept before they are scaled: with these a part of the L2 cache. */
    private static final int BLOCKS = 16;

    /** Vectors that are rounded at a time, which bounds the memory for it. */
    private static final int VECTORS_AT_ONCE = 128;
    /** Below this many multiply-adds waking another thread costs more than it gains. */
    private static final long PARALLEL_WORK = 1 << 18;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final PackedLayout layout;
    private final IntegerKernel kernel;

    IntegerMatrix(AffineGroups storage, Parallel parallel, Gemm gemm) {
        this(storage, layout(storage), parallel, gemm);
    }

    private IntegerMatrix(AffineGroups storage, PackedLayout layout, Parallel parallel, Gemm gemm) {
        super(
                storage,
                parallel,
                gemm,
                ROWS,
                Short.SIZE / layout.bits,
                layout.wordsPerGroup,
                layout.scaleInts(ROWS) + ROWS / 2 * layout.wordsPerGroup);
        this.layout = layout;
        kernel = new IntegerKernel(layout);
        pack(0);
    }

    private static PackedLayout layout(AffineGroups storage) {
        int middle = 1 << (storage.bits() - 1);
        return new PackedLayout(
                storage.columns(), storage.bits() <= 2 ? 2 : 4, middle, storage.groupSize(), storage.hasHalfScales());
    }

    @Override
    void packWords(byte[] codes, int stride, int[] packed) {
        int wordsAtOnce = Long.BYTES * layout.bits / Short.SIZE;
        int higherRow = IntegerKernel.LANES * stride;
        int to = 0;
        for (int group = 0; group < layout.groups; group++, to += layout.scaleInts(ROWS)) {
            int column = group * groupColumns;
            for (int word = 0; word < layout.wordsPerGroup; word += wordsAtOnce, column += Long.BYTES) {
                int count = Math.min(wordsAtOnce, layout.wordsPerGroup - word);
                for (int firstRow = 0; firstRow < ROWS; firstRow += IntegerKernel.VECTOR_ROWS) {
                    int from = firstRow * stride + column;
                    for (int lane = 0; lane < IntegerKernel.LANES; lane++, from += stride, to++) {
                        long lower = words((long) LONG.get(codes, from));
                        long higher = words((long) LONG.get(codes, from + higherRow));
                        long lanes = lower | higher << Short.SIZE;
                        packed[to] = (int) lanes;
                        if (count > 1) {
                            packed[to + ROWS / 2] = (int) (lanes >>> Integer.SIZE);
                        }
                    }
                }
                to += (count - 1) * (ROWS / 2);
            }
        }
    }

    /** In halves scales lie as codes do: a row's in the lower half of an int, in the higher one that of the row {@code LANES} behind it. */
    @Override
    void packScale(float scale, int lane, int[] packed, int end) {
        if (!layout.hasHalfScales) {
            super.packScale(scale, lane, packed, end);
            return;
        }
        int half = Float.floatToFloat16(scale) & 0xffff;
        int inVector = lane % IntegerKernel.VECTOR_ROWS;
        int at = end - ROWS / 2 + (lane - inVector) / 2 + inVector % IntegerKernel.LANES;
        if (inVector < IntegerKernel.LANES) {
            packed[at] = half;
        } else {
            packed[at] |= half << Short.SIZE;
        }
    }

    /** Eight codes, a byte each, as words of 16 bits, the first code in the lowest bits: two words, 32 bits apart, of codes of 4 bits, one of codes of 2. */
    private long words(long codes) {
        if (layout.bits == 4) {
            long pairs = (codes | codes >>> 4) & 0x00ff00ff00ff00ffL;
            return (pairs | pairs >>> 8) & 0x0000ffff0000ffffL;
        }
        long pairs = (codes | codes >>> 6) & 0x000f000f000f000fL;
        long fours = (pairs | pairs >>> 12) & 0x000000ff000000ffL;
        return (fours | fours >>> 24) & 0xffff;
    }

    @Override
    void multiply(float[] x, int batch, float[] y) {
        RoundedInputs inputs = Scratch.get().roundedInputs;
        for (int first = 0; first < batch; first += VECTORS_AT_ONCE) {
            int vectors = Math.min(VECTORS_AT_ONCE, batch - first);
            int yOffset = first * storage.rows();
            inputs.round(layout, parallel, x, first * layout.columns, vectors, vectors == 1 ? 1 : VECTORS);
            forStrips(
                    (long) storage.rows() * storage.columns() * vectors >= PARALLEL_WORK,
                    (firstStrip, lastStrip) -> multiply(firstStrip, lastStrip, inputs, y, yOffset));
        }
    }

    private void multiply(int firstStrip, int lastStrip, RoundedInputs inputs, float[] y, int yOffset) {
        int out = storage.rows();
        int size = inputs.tiles() * inputs.tileVectors() * ROWS;
        float[] outputs = Scratch.get().outputs(size);
        for (int strip = firstStrip; strip < lastStrip; strip++) {
            Arrays.fill(outputs, 0, size, 0);
            if (inputs.batch() == 1) {
                multiplyOne(strip(strip), inputs, outputs);
            } else if (inputs.batch() <= Matvec.VECTORS_AT_MOST) {
                multiplyFew(strip(strip), inputs, outputs);
            } else {
                multiplyMany(strip(strip), inputs, outputs);
            }
            if (hasOffsets) {
                addOffsets(strip, inputs, outputs);
            }
            int rows = Math.min(ROWS, out - strip * ROWS);
            for (int vector = 0; vector < inputs.batch(); vector++) {
                System.arraycopy(outputs, vector * ROWS, y, yOffset + vector * out + strip * ROWS, rows);
            }
        }
    }

    private void addOffsets(int strip, RoundedInputs inputs, float[] outputs) {
        float[] sums = Scratch.get().inputSums(layout.groups);
        for (int vector = 0; vector < inputs.batch(); vector++) {
            inputs.groupSums(vector, sums);
            kernel.addOffsets(data, offsets(strip), sums, outputs, vector * ROWS);
        }
    }

    private void multiplyOne(long strip, RoundedInputs inputs, float[] outputs) {
        multiplyOne(strip, 0, layout.blocks, inputs.whole(), 0, outputs);
        for (int i = 0; i < inputs.remainderBlocks(); i++) {
            int block = inputs.remainderBlock(i);
            for (int tile = inputs.remainderTiles(block); tile < inputs.remainderTiles(block + 1); tile++) {
                multiplyOne(strip, block, block + 1, inputs.remainder(), tile, outputs);
            }
        }
    }

    private void multiplyOne(long strip, int first, int last, RoundedInputs.Terms terms, int at, float[] outputs) {
        int[] sums = Scratch.get().integerSums(IntegerKernel.SUMS);
        int inputsAt = at * layout.columnsPerBlock;
        kernel.multiply(
                data, strip, first, last, terms.inputs, inputsAt, terms.starts, terms.scales, at, sums, outputs, 0);
    }

    /** Multiplies a few tiles by the codes as they stream by. */
    private void multiplyFew(long strip, RoundedInputs inputs, float[] outputs) {
        int blocks = layout.blocks;
        for (int first = 0; first < blocks; first += BLOCKS) {
            int last = Math.min(blocks, first + BLOCKS);
            for (int tile = 0; tile < inputs.tiles(); tile++) {
                int at = (tile * blocks + first) * VECTORS;
                multiplyTile(strip, first, last, inputs.whole(), at, outputs, tile * VECTORS * ROWS);
            }
        }
        for (int i = 0; i < inputs.remainderBlocks(); i++) {
            int block = inputs.remainderBlock(i);
            for (int tile = inputs.remainderTiles(block); tile < inputs.remainderTiles(block + 1); tile++) {
                float[] gathered = gather(inputs, tile, outputs);
                multiplyTile(strip, block, block + 1, inputs.remainder(), tile * VECTORS, gathered, 0);
                scatter(inputs, tile, gathered, outputs);
            }
        }
    }

    private void multiplyTile(
            long strip, int first, int last, RoundedInputs.Terms terms, int at, float[] outputs, int to) {
        Scratch scratch = Scratch.get();
        int[] sums = scratch.integerSums(BLOCKS * VECTORS * IntegerKernel.SUMS);
        float[] scales = scratch.scales(BLOCKS * ROWS);
        kernel.multiplyTile(
                data, strip, first, last, terms.inputs, at * layout.columnsPerBlock, terms.starts, at, sums);
        // Not before: what comes from memory is to be read front to back.
        kernel.copyScales(data, strip, first, last, scales);
        kernel.scaleTile(scales, last - first, sums, terms.scales, at, outputs, to);
    }

    /** Multiplies many tiles by codes that are spread over lanes once for all of them. */
    private void multiplyMany(long strip, RoundedInputs inputs, float[] outputs) {
        Scratch scratch = Scratch.get();
        int blocks = layout.blocks;
        int[] codes = scratch.spreadCodes(BLOCKS * layout.columnsPerBlock * IntegerKernel.SUMS);
        float[] scales = scratch.scales(BLOCKS * ROWS);
        for (int first = 0; first < blocks; first += BLOCKS) {
            int last = Math.min(blocks, first + BLOCKS);
            spread(strip, first, last, codes, scales);
            for (int tile = 0; tile < inputs.tiles(); tile++) {
                int at = (tile * blocks + first) * VECTORS;
                multiplySpread(codes, scales, last - first, inputs.whole(), at, outputs, tile * VECTORS * ROWS);
            }
        }
        for (int i = 0; i < inputs.remainderBlocks(); i++) {
            int block = inputs.remainderBlock(i);
            spread(strip, block, block + 1, codes, scales);
            for (int tile = inputs.remainderTiles(block); tile < inputs.remainderTiles(block + 1); tile++) {
                float[] gathered = gather(inputs, tile, outputs);
                multiplySpread(codes, scales, 1, inputs.remainder(), tile * VECTORS, gathered, 0);
                scatter(inputs, tile, gathered, outputs);
            }
        }
    }

    private void spread(long strip, int first, int last, int[] codes, float[] scales) {
        kernel.spread(data, strip, first, last, Scratch.get().packed(kernel.packedSize(BLOCKS)), codes);
        kernel.copyScales(data, strip, first, last, scales);
    }

    private void multiplySpread(
            int[] codes, float[] scales, int blocks, RoundedInputs.Terms terms, int at, float[] outputs, int to) {
        int[] sums = Scratch.get().integerSums(BLOCKS * VECTORS * IntegerKernel.SUMS);
        kernel.multiplySpread(codes, blocks, terms.inputs, at * layout.columnsPerBlock, sums);
        kernel.scaleTile(scales, blocks, sums, terms.scales, at, outputs, to);
    }

    /** The outputs of the vectors of a tile of remainders, side by side. */
    private static float[] gather(RoundedInputs inputs, int tile, float[] outputs) {
        float[] gathered = Scratch.get().gathered;
        for (int i = 0; i < inputs.tileVectors(); i++) {
            int vector = inputs.remainderVector(tile, i);
            if (vector >= 0) {
                System.arraycopy(outputs, vector * ROWS, gathered, i * ROWS, ROWS);
            }
        }
        return gathered;
    }

    private static void scatter(RoundedInputs inputs, int tile, float[] gathered, float[] outputs) {
        for (int i = 0; i < inputs.tileVectors(); i++) {
            int vector = inputs.remainderVector(tile, i);
            if (vector >= 0) {
                System.arraycopy(gathered, i * ROWS, outputs, vector * ROWS, ROWS);
            }
        }
    }
}
