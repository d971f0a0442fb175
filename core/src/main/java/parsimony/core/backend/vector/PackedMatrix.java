package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import parsimony.core.backend.Parallel;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.NativeMemory;
import parsimony.core.tensor.Tensor;

/**
 * Weights of few bits, repacked in strips of rows that stand side by side, so that each SIMD lane is an output, no sum over lanes is needed, and a kernel reads a
 * strip front to back: for each group word 0 of all rows, then word 1, and so on, then the rows' scales. Behind the last group come the rows' offsets for
 * each group.
 *
 * <p>As kernels take the middle of their range off all codes, an offset here is the storage's plus scale · middle; where all are zero, as they are for
 * symmetric grids, none are kept. Rows that fill up a strip have scale 0.
 */
abstract class PackedMatrix implements PreparedMatrix {
    private static final int CACHE_LINE = 64;

    final AffineGroups storage;
    final Parallel parallel;
    final Gemm gemm;
    /** What kernels take off every code. */
    final int middle;

    final boolean hasOffsets;
    private final int stripRows;
    private final int groupInts;
    private final int stripInts;
    /** Columns of a group, with those that only fill its last word. */
    final int groupColumns;
    /** Bytes from one row's codes to the next one's while a strip is packed. */
    private final int codesStride;

    final MemorySegment data;

    /**
     * @param stripRows rows side by side
     * @param wordColumns codes in a word
     * @param wordsPerGroup words of a row and group
     * @param groupInts what a group takes in a strip: its words, and the scales of its rows
     */
    PackedMatrix(
            AffineGroups storage,
            Parallel parallel,
            Gemm gemm,
            int stripRows,
            int wordColumns,
            int wordsPerGroup,
            int groupInts) {
        this.storage = storage;
        this.parallel = parallel;
        this.gemm = gemm;
        this.stripRows = stripRows;
        this.groupInts = groupInts;
        groupColumns = wordsPerGroup * wordColumns;
        // An odd number of cache lines: rows a power of two apart would all compete for a few places in the cache.
        codesStride = (Gemm.ceilDivide(storage.groups() * groupColumns, CACHE_LINE) | 1) * CACHE_LINE;
        middle = 1 << (storage.bits() - 1);
        boolean isCentred =
                storage instanceof BlockStorage stored && stored.blocks().zeroPoint() == middle;
        hasOffsets = !isCentred && findOffsets();
        stripInts = storage.groups() * (groupInts + (hasOffsets ? stripRows : 0));
        data = NativeMemory.allocate(4L * strips() * stripInts);
    }

    /** The form that suits the width of the codes. */
    static PackedMatrix of(AffineGroups storage, Parallel parallel, Gemm gemm) {
        return storage.bits() <= 4
                ? new IntegerMatrix(storage, parallel, gemm)
                : new ByteMatrix(storage, parallel, gemm);
    }

    /** Whether this form suits: with shorter groups most of it would be scales and padding. */
    static boolean suits(AffineGroups storage) {
        return storage.groupSize() >= (storage.bits() <= 2 ? 16 : storage.bits() <= 4 ? 8 : 4);
    }

    private boolean findOffsets() {
        AtomicBoolean any = new AtomicBoolean();
        parallel.run(strips(), strip -> {
            for (int row = strip * stripRows; row < lastRow(strip); row++) {
                for (int group = 0; group < storage.groups(); group++) {
                    if (offset(row, group) != 0) {
                        any.set(true);
                        return;
                    }
                }
            }
        });
        return any.get();
    }

    /** What is added to scale · (code − middle). */
    private float offset(int row, int group) {
        return Math.fma(storage.scale(row, group), middle, storage.offset(row, group));
    }

    /**
     * Fills {@link #data}; to be called once the subclass is ready for {@link #packWords}.
     *
     * @param filling the code of columns that only fill up words
     */
    final void pack(int filling) {
        parallel.run(strips(), strip -> {
            Scratch scratch = Scratch.get();
            byte[] codes = scratch.codes(stripRows * codesStride + Long.BYTES);
            int[] packed = scratch.packed(stripInts);
            if ((strip + 1) * stripRows > storage.rows()) {
                Arrays.fill(codes, 0, stripRows * codesStride, (byte) 0);
                Arrays.fill(packed, 0, stripInts, 0);
            }
            readCodes(strip, (byte) filling, codes);
            packWords(codes, codesStride, packed);
            packScales(strip, packed);
            MemorySegment.copy(packed, 0, data, ValueLayout.JAVA_INT, strip(strip), stripInts);
        });
    }

    /** The codes of a strip, {@link #codesStride} from row to row, each group of them in whole words. */
    private void readCodes(int strip, byte filling, byte[] codes) {
        int groupSize = storage.groupSize();
        int columns = storage.columns();
        boolean isFilled = groupColumns > groupSize || columns % groupSize != 0;
        byte[] unfilled = isFilled ? new byte[columns] : null;
        int to = 0;
        for (int row = strip * stripRows; row < lastRow(strip); row++, to += codesStride) {
            if (!isFilled) {
                storage.readCodes(row, codes, to);
                continue;
            }
            storage.readCodes(row, unfilled, 0);
            Arrays.fill(codes, to, to + storage.groups() * groupColumns, filling);
            for (int group = 0; group < storage.groups(); group++) {
                int first = group * groupSize;
                int count = Math.min(groupSize, columns - first);
                System.arraycopy(unfilled, first, codes, to + group * groupColumns, count);
            }
        }
    }

    /**
     * Writes the words of a strip, and leaves room for the scales behind those of each group.
     *
     * @param codes of its rows, {@code stride} from one to the next, each group of them in whole words; eight bytes behind the last row can be read too
     */
    abstract void packWords(byte[] codes, int stride, int[] packed);

    private void packScales(int strip, int[] packed) {
        int groups = storage.groups();
        for (int row = strip * stripRows; row < lastRow(strip); row++) {
            int lane = row % stripRows;
            for (int group = 0; group < groups; group++) {
                packScale(storage.scale(row, group), lane, packed, (group + 1) * groupInts);
                if (hasOffsets) {
                    packed[groups * groupInts + group * stripRows + lane] = Float.floatToRawIntBits(offset(row, group));
                }
            }
        }
    }

    /**
     * Writes a scale.
     *
     * @param lane of the row in its strip; lower ones are written before
     * @param end where the scales of the group end
     */
    void packScale(float scale, int lane, int[] packed, int end) {
        packed[end - stripRows + lane] = Float.floatToRawIntBits(scale);
    }

    final int strips() {
        return Gemm.ceilDivide(storage.rows(), stripRows);
    }

    private int lastRow(int strip) {
        return Math.min(storage.rows(), (strip + 1) * stripRows);
    }

    /** Where a strip begins. */
    final long strip(int strip) {
        return 4L * strip * stripInts;
    }

    /** Where the offsets of a strip begin, if there are any. */
    final long offsets(int strip) {
        return strip(strip) + 4L * storage.groups() * groupInts;
    }

    @Override
    public final void multiply(Tensor x, Tensor y) {
        multiply(x.array(), x.rows(), y.array());
    }

    /** Multiplies `batch` vectors. */
    abstract void multiply(float[] x, int batch, float[] y);

    /**
     * Runs a task over all strips, on all threads if there are enough multiply-adds. The first tasks are large, so that memory is read front to back for long; the
     * last ones are small, so that no thread waits long for another.
     */
    final void forStrips(boolean inParallel, StripTask task) {
        int strips = strips();
        if (!inParallel) {
            task.run(0, strips);
            return;
        }
        int[] ends = taskEnds(strips, parallel.threads());
        parallel.run(ends.length, i -> task.run(i == 0 ? 0 : ends[i - 1], ends[i]));
    }

    /** Cuts each task off what is left, as large as to leave every thread another one. */
    private static int[] taskEnds(int strips, int threads) {
        int[] ends = new int[strips];
        int tasks = 0;
        for (int end = 0; end < strips; tasks++) {
            end += Gemm.ceilDivide(strips - end, 2 * threads);
            ends[tasks] = end;
        }
        return Arrays.copyOf(ends, tasks);
    }

    /** What is done with the strips [first, last). */
    interface StripTask {
        void run(int first, int last);
    }

    @Override
    public final void multiplyTransposed(Tensor dy, Tensor dx) {
        int out = storage.rows();
        int in = storage.columns();
        gemm.multiply(false, dy.rows(), in, out, dy.array(), 0, out, storage::decodeRow, true, dx.array(), 0, in);
    }

    @Override
    public final long extraBytes() {
        return data.byteSize();
    }
}
