package parsimony.core.backend.vector;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.AffineGroups;

/**
 * Weights of at most 4 bits. A few inputs are rounded to 8 bits ({@link RoundedInputs}) and multiplied in integers with the codes as they stream by, as llama.cpp does
 * too: the rounding is far below that of the weights, and vectors hold twice as many integers of 16 bits as floats. For more inputs {@link Gemm} asks for
 * decoded panels, and multiplies the inputs as they are. Codes keep their width if it is 2 or 4 bits, and get 4 if it is 3.
 *
 * <p>An output's bits depend neither on the number of threads nor, up to {@link Matvec#VECTORS_AT_MOST}, on the batch.
 */
final class IntegerMatrix extends PackedMatrix {
    private static final int ROWS = IntegerKernel.ROWS;
    /** Blocks of columns whose sums are kept before they are scaled. */
    private static final int BLOCKS = 8;
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
                ROWS + ROWS / 2 * layout.wordsPerGroup);
        this.layout = layout;
        kernel = new IntegerKernel(layout);
        pack(0);
    }

    private static PackedLayout layout(AffineGroups storage) {
        int middle = 1 << (storage.bits() - 1);
        return new PackedLayout(storage.columns(), storage.bits() <= 2 ? 2 : 4, middle, storage.groupSize());
    }

    @Override
    void packWords(byte[] codes, int stride, int[] packed) {
        int wordsAtOnce = Long.BYTES * layout.bits / Short.SIZE;
        int higherRow = IntegerKernel.LANES * stride;
        int to = 0;
        for (int group = 0; group < layout.groups; group++, to += ROWS) {
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
    void multiplyFew(float[] x, int batch, float[] y) {
        RoundedInputs inputs = Scratch.get().roundedInputs;
        inputs.round(layout, x, batch, batch == 1 ? 1 : IntegerKernel.VECTORS);
        forStrips(
                (long) storage.rows() * storage.columns() * batch >= PARALLEL_WORK,
                (first, last) -> multiply(first, last, inputs, y));
    }

    @Override
    void decode(int firstRow, int group, int firstWord, int count, float[] panel, int panelAt) {
        int strip = firstRow / ROWS;
        int inStrip = firstRow % ROWS;
        kernel.decode(
                data,
                strip(strip) + group * kernel.groupBytes() + (long) Short.BYTES * (ROWS * firstWord + inStrip),
                count,
                kernel.scalesOf(strip(strip), group * layout.blocksPerGroup) + 4L * inStrip,
                hasOffsets ? offsets(strip) + 4L * (ROWS * group + inStrip) : -1,
                panel,
                panelAt);
    }

    private void multiply(int firstStrip, int lastStrip, RoundedInputs inputs, float[] y) {
        int out = storage.rows();
        int size = inputs.tiles() * inputs.tileVectors() * ROWS;
        float[] outputs = Scratch.get().outputs(size);
        for (int strip = firstStrip; strip < lastStrip; strip++) {
            Arrays.fill(outputs, 0, size, 0);
            multiplyStrip(strip(strip), inputs, outputs);
            if (hasOffsets) {
                addOffsets(strip, inputs, outputs);
            }
            for (int vector = 0; vector < inputs.batch(); vector++) {
                int to = vector * out + strip * ROWS;
                System.arraycopy(outputs, vector * ROWS, y, to, Math.min(ROWS, out - strip * ROWS));
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

    /** Multiplies all inputs by a strip: first what they were rounded to, block by block, then what that left over, in the same order. */
    private void multiplyStrip(long strip, RoundedInputs inputs, float[] outputs) {
        int blocks = layout.blocks;
        int step = inputs.tileVectors() == 1 ? blocks : BLOCKS;
        for (int first = 0; first < blocks; first += step) {
            int last = Math.min(blocks, first + step);
            for (int tile = 0; tile < inputs.tiles(); tile++) {
                multiplyTile(strip, first, last, inputs, inputs.whole(), tile, outputs);
            }
        }
        for (int block = inputs.nextPeaked(0); block < blocks; block = inputs.nextPeaked(block + 1)) {
            for (int tile = 0; tile < inputs.tiles(); tile++) {
                if (inputs.isPeaked(tile, block)) {
                    multiplyTile(strip, block, block + 1, inputs, inputs.remainder(), tile, outputs);
                }
            }
        }
    }

    private void multiplyTile(
            long strip,
            int first,
            int last,
            RoundedInputs inputs,
            RoundedInputs.Terms terms,
            int tile,
            float[] outputs) {
        int vectors = inputs.tileVectors();
        int at = (tile * layout.blocks + first) * vectors;
        int inputsAt = at * layout.columnsPerBlock;
        Scratch scratch = Scratch.get();
        int[] sums = scratch.integerSums(BLOCKS * vectors * IntegerKernel.SUMS);
        if (vectors == 1) {
            kernel.multiply(
                    data, strip, first, last, terms.inputs, inputsAt, terms.starts, terms.scales, at, sums, outputs, 0);
            return;
        }
        kernel.multiplyTile(data, strip, first, last, terms.inputs, inputsAt, terms.starts, at, sums);
        for (int i = 0; i < vectors; i++) {
            kernel.scale(
                    data,
                    strip,
                    first,
                    last,
                    sums,
                    i * IntegerKernel.SUMS,
                    terms.scales,
                    at + i,
                    vectors,
                    outputs,
                    (tile * vectors + i) * ROWS);
        }
    }
}
