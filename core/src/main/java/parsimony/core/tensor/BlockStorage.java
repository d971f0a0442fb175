package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Weights in quantized blocks, row-major [out, in], in native memory or in a mapped GGUF file, where they are used in
 * place.
 *
 * @param blocks the format
 * @param rows outputs
 * @param columns inputs, a multiple of the block's weights
 * @param data the blocks of row 0, then of row 1, …
 */
public record BlockStorage(BlockFormat blocks, int rows, int columns, MemorySegment data) implements AffineGroups {
    public BlockStorage {
        if (columns % blocks.weights() != 0) {
            throw new IllegalArgumentException(
                    columns + " columns are no multiple of " + blocks + "'s block of " + blocks.weights());
        }
        if (data.byteSize() != rows * blocks.rowBytes(columns)) {
            throw new IllegalArgumentException(
                    data.byteSize() + " bytes do not hold " + rows + " × " + columns + " " + blocks);
        }
    }

    /** Quantizes {@code weights} into native memory. */
    public static BlockStorage of(BlockFormat blocks, WeightStorage weights) {
        int rows = weights.rows();
        int columns = weights.columns();
        MemorySegment data = NativeMemory.allocate(rows * blocks.rowBytes(columns));
        BlockStorage storage = new BlockStorage(blocks, rows, columns, data);
        float[] row = new float[columns];
        for (int r = 0; r < rows; r++) {
            weights.decodeRow(r, row, 0);
            for (int block = 0; block < columns / blocks.weights(); block++) {
                blocks.encode(
                        row,
                        block * blocks.weights(),
                        data,
                        r * blocks.rowBytes(columns) + (long) block * blocks.bytes());
            }
        }
        return storage;
    }

    /** The bytes of one row. */
    public MemorySegment row(int row) {
        long rowBytes = blocks.rowBytes(columns);
        return data.asSlice(row * rowBytes, rowBytes);
    }

    @Override
    public int bits() {
        return blocks.bits();
    }

    @Override
    public int groupSize() {
        return blocks.groupSize();
    }

    @Override
    public void readCodes(int row, byte[] target, int offset) {
        long start = row * blocks.rowBytes(columns);
        for (int first = 0; first < columns; first += blocks.weights()) {
            blocks.readCodes(data, start, target, offset + first);
            start += blocks.bytes();
        }
    }

    @Override
    public boolean hasHalfScales() {
        return blocks.hasHalfScales();
    }

    @Override
    public float scale(int row, int group) {
        return blocks.scale(data, blockOf(row, group), group % groupsPerBlock());
    }

    @Override
    public float offset(int row, int group) {
        long block = blockOf(row, group);
        int part = group % groupsPerBlock();
        return blocks.minimum(data, block, part) - blocks.scale(data, block, part) * blocks.zeroPoint();
    }

    private int groupsPerBlock() {
        return blocks.weights() / blocks.groupSize();
    }

    private long blockOf(int row, int group) {
        return row * blocks.rowBytes(columns) + (long) (group / groupsPerBlock()) * blocks.bytes();
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        byte[] codes = new byte[columns];
        readCodes(row, codes, 0);
        int groupSize = groupSize();
        for (int group = 0; group < groups(); group++) {
            float scale = scale(row, group);
            float minimum = blocks.minimum(data, blockOf(row, group), group % groupsPerBlock());
            for (int i = group * groupSize; i < (group + 1) * groupSize; i++) {
                target[offset + i] = scale * (Byte.toUnsignedInt(codes[i]) - blocks.zeroPoint()) + minimum;
            }
        }
    }

    @Override
    public long bytes() {
        return data.byteSize();
    }

    @Override
    public String format() {
        return blocks.name().toLowerCase(Locale.ROOT);
    }
}
