package parsimony.core.io;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.NativeMemory;

/**
 * Integer grids as GGUF's blocks of 32 weights. Symmetric grids of 8 and of 4 bits in groups of 32 are exactly {@code Q8_0} and {@code Q4_0}, whose scales are half
 * precision. A grid of 4 bits with zero points is {@code Q4_1}: scale · (code − zeroPoint) = scale · code + minimum, where the minimum −scale · zeroPoint is rounded to half
 * precision, which moves all weights of a group by at most {@link #TOLERANCE} of the distance of two grid points. No other grid has a counterpart.
 */
final class GridBlocks {
    /** As a part of a group's scale; half precision keeps −scale · zeroPoint to 15 · 2⁻¹¹, if neither is subnormal. */
    private static final double TOLERANCE = 0.01;

    private static final int GROUP = 32;

    private GridBlocks() {}

    /** The same weights in blocks, or nothing where GGUF has no such blocks. */
    static Optional<BlockStorage> of(GridStorage grid) {
        BlockFormat format = format(grid);
        if (format == null || !isExact(grid, format)) {
            return Optional.empty();
        }
        MemorySegment data = NativeMemory.allocate(grid.rows() * format.rowBytes(grid.columns()));
        byte[] codes = new byte[grid.columns()];
        float[] pair = new float[2];
        long position = 0;
        for (int row = 0; row < grid.rows(); row++) {
            grid.readCodes(row, codes, 0);
            for (int group = 0; group < grid.groups(); group++) {
                pair[0] = grid.scale(row, group);
                pair[1] = grid.offset(row, group);
                int numbers = format == BlockFormat.Q4_1 ? 2 : 1;
                DataType.F16.write(pair, 0, numbers, data, position);
                writeCodes(codes, group * GROUP, format, data, position + 2L * numbers);
                position += format.bytes();
            }
        }
        return Optional.of(new BlockStorage(format, grid.rows(), grid.columns(), data));
    }

    private static BlockFormat format(GridStorage grid) {
        if (grid.groupSize() != GROUP || grid.columns() % GROUP != 0) {
            return null;
        }
        return switch (grid.bits()) {
            case 8 -> grid.symmetric() ? BlockFormat.Q8_0 : null;
            case 4 -> grid.symmetric() ? BlockFormat.Q4_0 : BlockFormat.Q4_1;
            default -> null;
        };
    }

    private static boolean isExact(GridStorage grid, BlockFormat format) {
        for (int row = 0; row < grid.rows(); row++) {
            for (int group = 0; group < grid.groups(); group++) {
                float scale = grid.scale(row, group);
                float offset = grid.offset(row, group);
                double moved = format == BlockFormat.Q4_1 ? Math.abs(DataType.F16.round(offset) - offset) : 0;
                // Written so that NaN does not pass.
                if (DataType.F16.round(scale) != scale || !(moved <= TOLERANCE * Math.abs(scale))) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Q8_0 keeps signed bytes; the others keep weight i and weight i + 16 in one byte. */
    private static void writeCodes(byte[] codes, int first, BlockFormat format, MemorySegment data, long position) {
        if (format == BlockFormat.Q8_0) {
            for (int i = 0; i < GROUP; i++) {
                data.set(ValueLayout.JAVA_BYTE, position + i, (byte) (codes[first + i] - 128));
            }
        } else {
            for (int i = 0; i < GROUP / 2; i++) {
                data.set(ValueLayout.JAVA_BYTE, position + i, (byte) (codes[first + i] | codes[first + i + 16] << 4));
            }
        }
    }
}
