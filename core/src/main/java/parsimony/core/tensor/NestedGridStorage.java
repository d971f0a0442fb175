package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Packed integers whose scales and zero points are matrices that may be kept in any form themselves, in this one for instance, which is SpQR's two
 * levels (Dettmers et al., 2023, Section 4.3): w = scale · (code − zeroPoint), where a zero point need not be whole.
 *
 * @param columns inputs
 * @param bits of a code, 2 to 8
 * @param groupSize weights of a row that share a scale, at most {@code columns}; the last group may be shorter
 * @param codes each row packed from the lowest bit on, the next code in the next higher bits, and padded to a byte
 * @param scales [groups, rows]: neighbours are the scales of one group of inputs in one row after the other
 * @param zeroPoints [groups, rows]
 */
public record NestedGridStorage(
        int columns, int bits, int groupSize, MemorySegment codes, WeightStorage scales, WeightStorage zeroPoints)
        implements AffineGroups {
    public NestedGridStorage {
        if (bits < 2 || bits > 8) {
            throw new IllegalArgumentException("a code has 2 to 8 bits, not " + bits);
        }
        if (columns < 1 || groupSize < 1 || groupSize > columns) {
            throw new IllegalArgumentException("groups of " + groupSize + " do not fit rows of " + columns);
        }
        int rows = scales.columns();
        int groups = Math.ceilDiv(columns, groupSize);
        if (scales.rows() != groups || zeroPoints.rows() != groups || zeroPoints.columns() != rows) {
            throw new IllegalArgumentException("scales and zero points are not [" + groups + ", " + rows + "]");
        }
        if (codes.byteSize() != rows * GridStorage.packedBytes(columns, bits)) {
            throw new IllegalArgumentException(
                    rows + " × " + columns + " codes do not take " + codes.byteSize() + " bytes");
        }
    }

    /**
     * Packs codes.
     *
     * @param codes [rows, columns], one a byte
     * @param group weights that share a scale; more than there are in a row for whole rows
     */
    public static NestedGridStorage of(
            int columns, int bits, int group, byte[] codes, WeightStorage scales, WeightStorage zeroPoints) {
        MemorySegment packed = GridStorage.packRows(codes, scales.columns(), columns, bits);
        return new NestedGridStorage(columns, bits, Math.min(group, columns), packed, scales, zeroPoints);
    }

    @Override
    public int rows() {
        return scales.columns();
    }

    @Override
    public void readCodes(int row, byte[] target, int offset) {
        GridStorage.unpackRow(codes, row, columns, bits, target, offset);
    }

    @Override
    public float scale(int row, int group) {
        return scales.weight(group, row);
    }

    @Override
    public float offset(int row, int group) {
        return -scales.weight(group, row) * zeroPoints.weight(group, row);
    }

    @Override
    public float weight(int row, int column) {
        int code = GridStorage.unpack(codes.asSlice(row * GridStorage.packedBytes(columns, bits)), column, bits);
        int group = column / groupSize;
        return scales.weight(group, row) * (code - zeroPoints.weight(group, row));
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        byte[] rowCodes = new byte[columns];
        readCodes(row, rowCodes, 0);
        for (int group = 0; group < groups(); group++) {
            float scale = scales.weight(group, row);
            float zeroPoint = zeroPoints.weight(group, row);
            int end = Math.min(columns, (group + 1) * groupSize);
            for (int i = group * groupSize; i < end; i++) {
                target[offset + i] = scale * (Byte.toUnsignedInt(rowCodes[i]) - zeroPoint);
            }
        }
    }

    @Override
    public long bytes() {
        return codes.byteSize() + scales.bytes() + zeroPoints.bytes();
    }

    @Override
    public String format() {
        return "int" + bits + (groupSize == columns ? "" : " g" + groupSize) + " of " + scales.format();
    }
}
