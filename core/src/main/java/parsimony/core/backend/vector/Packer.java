package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicBoolean;
import parsimony.core.backend.Parallel;
import parsimony.core.tensor.AffineGroups;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;

/**
 * Brings codes, scales and offsets into the order that {@link PackedKernel} reads. A block of {@link PackedKernel#ROWS} rows holds for each group
 * its rows' scales, then its words: word 0 of all rows, then word 1, and so on. Behind the last group come the rows' offsets for each group. As the kernel takes the middle of their range off all codes, an
 * offset here is the storage's plus scale · middle; where all are zero, as they are for symmetric grids, none are kept.
 *
 * <p>The simple blocks of GGUF files are words already, in an order that the kernel understands, and only change places.
 */
final class Packer {
    private static final int ROWS = PackedKernel.ROWS;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt STORED_INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final AffineGroups storage;
    private final int bits;
    private final int middle;
    private final int words;
    private final BlockStorage blocks;
    private final boolean hasOffsets;

    Packer(AffineGroups storage, Parallel parallel) {
        this.storage = storage;
        bits = storage.bits() <= 2 ? 2 : storage.bits() <= 4 ? 4 : 8;
        middle = 1 << (storage.bits() - 1);
        words = Gemm.ceilDivide(storage.groupSize(), 32 / bits);
        blocks = storage instanceof BlockStorage stored && hasWords(stored.blocks()) ? stored : null;
        if (blocks != null) {
            hasOffsets = blocks.blocks() == BlockFormat.Q4_1;
        } else {
            AtomicBoolean any = new AtomicBoolean();
            parallel.run(Gemm.ceilDivide(storage.rows(), ROWS), block -> {
                if (hasOffsets(block * ROWS, Math.min(storage.rows(), (block + 1) * ROWS))) {
                    any.set(true);
                }
            });
            hasOffsets = any.get();
        }
    }

    /** Whether this form suits: with shorter groups than a word has codes most of it would be padding. */
    static boolean suits(AffineGroups storage) {
        return storage.groupSize() >= (storage.bits() <= 2 ? 16 : storage.bits() <= 4 ? 8 : 4);
    }

    private static boolean hasWords(BlockFormat format) {
        return switch (format) {
            case Q4_0, Q4_1, Q8_0 -> true;
            case Q4_K, Q5_K, Q6_K -> false;
        };
    }

    private boolean hasOffsets(int firstRow, int lastRow) {
        for (int row = firstRow; row < lastRow; row++) {
            for (int group = 0; group < storage.groups(); group++) {
                if (offset(row, group) != 0) {
                    return true;
                }
            }
        }
        return false;
    }

    /** What is added to scale · (code − middle). */
    private float offset(int row, int group) {
        return Math.fma(storage.scale(row, group), middle, storage.offset(row, group));
    }

    PackedKernel kernel() {
        boolean halves = blocks != null && blocks.blocks().bits() == 4;
        return new PackedKernel(bits, middle, storage.groups(), words, halves);
    }

    int wordsPerGroup() {
        return words;
    }

    boolean hasOffsets() {
        return hasOffsets;
    }

    /** Writes a row of a block to {@code target}, which holds the block alone. */
    void pack(int row, int[] target) {
        int lane = row % ROWS;
        int groupInts = ROWS * (1 + words);
        if (blocks != null) {
            packBlocks(row, target, lane);
        } else {
            packCodes(row, target, lane);
        }
        int offsets = lane + groupInts * storage.groups();
        for (int group = 0; group < storage.groups(); group++) {
            target[lane + group * groupInts] = Float.floatToRawIntBits(storage.scale(row, group));
            if (hasOffsets) {
                target[offsets + group * ROWS] = Float.floatToRawIntBits(offset(row, group));
            }
        }
    }

    private long block(int row, int group) {
        return ((long) row * storage.groups() + group) * blocks.blocks().bytes();
    }

    /** Codes of four bits are taken as they are; those of eight are signed, and become unsigned when the highest bit is flipped. */
    private void packBlocks(int row, int[] target, int lane) {
        MemorySegment data = blocks.data();
        int flip = bits == 8 ? 0x80808080 : 0;
        int header = blocks.blocks().bytes() - 4 * words;
        int to = lane;
        for (int group = 0; group < storage.groups(); group++) {
            to += ROWS;
            long from = block(row, group) + header;
            for (int word = 0; word < words; word++, to += ROWS) {
                target[to] = data.get(STORED_INT, from + 4L * word) ^ flip;
            }
        }
    }

    private void packCodes(int row, int[] target, int lane) {
        int groupColumns = words * (32 / bits);
        byte[] codes = new byte[storage.columns()];
        byte[] padded = new byte[groupColumns + Long.BYTES];
        storage.readCodes(row, codes, 0);
        int to = lane;
        for (int group = 0; group < storage.groups(); group++) {
            to += ROWS;
            int first = group * storage.groupSize();
            int count = Math.min(storage.groupSize(), codes.length - first);
            System.arraycopy(codes, first, padded, 0, count);
            Arrays.fill(padded, count, groupColumns, (byte) middle);
            for (int word = 0; word < words; word++, to += ROWS) {
                target[to] = word(padded, word * (32 / bits));
            }
        }
    }

    /** The codes from {@code first} on, one a byte, in a word, the first in the lowest bits. */
    private int word(byte[] codes, int first) {
        return switch (bits) {
            case 2 ->
                (int) Long.compress((long) LONG.get(codes, first), 0x0303030303030303L)
                        | (int) Long.compress((long) LONG.get(codes, first + 8), 0x0303030303030303L) << 16;
            case 4 -> (int) Long.compress((long) LONG.get(codes, first), 0x0f0f0f0f0f0f0f0fL);
            default -> (int) INT.get(codes, first);
        };
    }
}
