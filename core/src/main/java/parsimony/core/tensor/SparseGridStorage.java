package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;

/**
 * Packed integers with a scale and an optional zero point for each group, as in {@link GridStorage}, of which the pruned ones are left out: what
 * quantization makes of a pruned matrix. For kernels the pruned weights are codes like all others, those of zero.
 *
 * @param rows outputs
 * @param columns inputs
 * @param bits of a code and of a zero point, 2 to 8
 * @param groupSize weights of a row that share a scale, pruned ones counted, at most {@code columns}; the last group may be shorter
 * @param scaleType the format of a scale
 * @param rowStarts where each row begins among the codes, and where the last one ends: rows + 1 numbers of 32 bits
 * @param mask a bit for each weight, set where it is kept, the first input in the lowest bit of a byte, each row filled up to bytes
 * @param codes of the weights that are kept, all rows packed like one
 * @param scales [rows, groups]
 * @param zeroPoints [rows, groups], packed like one long row of codes; null if all are 2^(bits − 1)
 */
public record SparseGridStorage(
        int rows,
        int columns,
        int bits,
        int groupSize,
        DataType scaleType,
        MemorySegment rowStarts,
        MemorySegment mask,
        MemorySegment codes,
        MemorySegment scales,
        MemorySegment zeroPoints)
        implements AffineGroups {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    public SparseGridStorage {
        GridStorage.checkShape(rows, columns, bits, groupSize);
        int count = RowMask.checkStarts(rowStarts, rows);
        RowMask.check(mask, rows, columns, rowStarts);
        long groups = (long) rows * Math.ceilDiv(columns, groupSize);
        GridStorage.checkSize("codes", codes, GridStorage.packedBytes(count, bits));
        GridStorage.checkSize("scales", scales, groups * scaleType.bytes());
        if (zeroPoints != null) {
            GridStorage.checkSize("zero points", zeroPoints, GridStorage.packedBytes(groups, bits));
        }
    }

    /**
     * The codes of {@code grid} but for those at {@code zeros}.
     *
     * @param zeros positions {@code row · columns + column} of weights that are zero
     */
    public static SparseGridStorage of(GridStorage grid, BitSet zeros) {
        int rows = grid.rows();
        int columns = grid.columns();
        BitSet kept = (BitSet) zeros.clone();
        kept.flip(0, rows * columns);
        byte[] keptCodes = new byte[kept.cardinality()];
        byte[] row = new byte[columns];
        int at = 0;
        for (int r = 0; r < rows; r++) {
            grid.readCodes(r, row, 0);
            int end = (r + 1) * columns;
            for (int i = kept.nextSetBit(r * columns); i >= 0 && i < end; i = kept.nextSetBit(i + 1)) {
                keptCodes[at++] = row[i - r * columns];
            }
        }
        MemorySegment codes = NativeMemory.allocate(GridStorage.packedBytes(at, grid.bits()));
        GridStorage.pack(keptCodes, 0, at, grid.bits(), codes, 0);
        return new SparseGridStorage(
                rows,
                columns,
                grid.bits(),
                grid.groupSize(),
                grid.scaleType(),
                RowMask.starts(kept, rows, columns),
                RowMask.of(kept, rows, columns),
                codes,
                grid.scales(),
                grid.zeroPoints());
    }

    private int start(int row) {
        return rowStarts.getAtIndex(INT, row);
    }

    @Override
    public void readCodes(int row, byte[] target, int offset) {
        int at = start(row);
        long maskStart = row * RowMask.rowBytes(columns);
        for (int group = 0; group < groups(); group++) {
            byte zero = (byte) zeroPoint(row, group);
            for (int i = group * groupSize; i < Math.min(columns, (group + 1) * groupSize); i++) {
                boolean kept = (mask.get(ValueLayout.JAVA_BYTE, maskStart + i / 8) >>> i % 8 & 1) != 0;
                target[offset + i] = kept ? (byte) GridStorage.unpack(codes, at++, bits) : zero;
            }
        }
    }

    @Override
    public float scale(int row, int group) {
        return scaleType.get(scales, ((long) row * groups() + group) * scaleType.bytes());
    }

    private int zeroPoint(int row, int group) {
        return zeroPoints == null
                ? 1 << (bits - 1)
                : GridStorage.unpack(zeroPoints, (long) row * groups() + group, bits);
    }

    @Override
    public float offset(int row, int group) {
        return -scale(row, group) * zeroPoint(row, group);
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        byte[] rowCodes = new byte[columns];
        readCodes(row, rowCodes, 0);
        for (int group = 0; group < groups(); group++) {
            float scale = scale(row, group);
            int zeroPoint = zeroPoint(row, group);
            for (int i = group * groupSize; i < Math.min(columns, (group + 1) * groupSize); i++) {
                target[offset + i] = scale * (Byte.toUnsignedInt(rowCodes[i]) - zeroPoint);
            }
        }
    }

    @Override
    public long bytes() {
        return rowStarts.byteSize()
                + mask.byteSize()
                + codes.byteSize()
                + scales.byteSize()
                + (zeroPoints == null ? 0 : zeroPoints.byteSize());
    }

    @Override
    public boolean isSparse() {
        return true;
    }

    @Override
    public String format() {
        return "int" + bits + (groupSize == columns ? "" : " g" + groupSize) + " "
                + RowMask.zeros(start(rows), rows, columns);
    }
}
