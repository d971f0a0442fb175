package parsimony.core.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Packed integers with a scale and an optional zero point for each group: w = scale · (code − zeroPoint).
 *
 * @param rows outputs
 * @param columns inputs
 * @param bits of a code and of a zero point, 2 to 8
 * @param groupSize weights of a row that share a scale, at most {@code columns}; the last group may be shorter
 * @param scaleType the format of a scale
 * @param codes each row packed from the lowest bit on, the next code in the next higher bits, and padded to a byte
 * @param scales [rows, groups]
 * @param zeroPoints [rows, groups], packed like one long row of codes; null if all are 2^(bits − 1)
 */
public record GridStorage(
        int rows,
        int columns,
        int bits,
        int groupSize,
        DataType scaleType,
        MemorySegment codes,
        MemorySegment scales,
        MemorySegment zeroPoints)
        implements AffineGroups {
    public GridStorage {
        checkShape(rows, columns, bits, groupSize);
        long groups = (long) rows * Math.ceilDiv(columns, groupSize);
        checkSize("codes", codes, rows * packedBytes(columns, bits));
        checkSize("scales", scales, groups * scaleType.bytes());
        if (zeroPoints != null) {
            checkSize("zero points", zeroPoints, packedBytes(groups, bits));
        }
    }

    static void checkShape(int rows, int columns, int bits, int groupSize) {
        if (bits < 2 || bits > 8) {
            throw new IllegalArgumentException("a code has 2 to 8 bits, not " + bits);
        }
        if (rows < 1 || columns < 1 || groupSize < 1 || groupSize > columns) {
            throw new IllegalArgumentException(
                    "groups of " + groupSize + " do not fit a matrix of " + rows + " × " + columns);
        }
    }

    static void checkSize(String what, MemorySegment segment, long expected) {
        if (segment.byteSize() != expected) {
            throw new IllegalArgumentException(what + " take " + expected + " bytes, not " + segment.byteSize());
        }
    }

    /** Collects codes and grids, then packs them. Different rows may be filled by different threads. */
    public static final class Builder {
        private final int rows;
        private final int columns;
        private final int bits;
        private final int groupSize;
        private final boolean symmetric;
        private final DataType scaleType;
        private final int groups;
        private final byte[] codes;
        private final float[] scales;
        private final byte[] zeroPoints;

        /**
         * @param group weights that share a scale; −1, or more than there are in a row, for whole rows
         * @param symmetric whether every grid that will be set is symmetric, so that no zero points are kept
         */
        public Builder(int rows, int columns, int bits, int group, boolean symmetric, DataType scaleType) {
            this.rows = rows;
            this.columns = columns;
            this.bits = bits;
            this.groupSize = group == -1 ? columns : Math.min(group, columns);
            this.symmetric = symmetric;
            this.scaleType = scaleType;
            checkShape(rows, columns, bits, groupSize);
            groups = Math.ceilDiv(columns, groupSize);
            codes = new byte[Math.multiplyExact(rows, columns)];
            scales = new float[rows * groups];
            zeroPoints = new byte[rows * groups];
        }

        public int groups() {
            return groups;
        }

        public int groupSize() {
            return groupSize;
        }

        /** The group that an input belongs to. */
        public int groupOf(int column) {
            return column / groupSize;
        }

        /**
         * Sets the scale and zero point of a group; the scale must be one that {@code scaleType} holds without
         * rounding.
         */
        public void setGrid(int row, int group, Grid grid) {
            if (scaleType.round(grid.scale()) != grid.scale()) {
                throw new IllegalArgumentException("scale " + grid.scale() + " is not a number of " + scaleType);
            }
            if (symmetric && grid.zeroPoint() != 1 << (bits - 1)) {
                throw new IllegalArgumentException("zero point " + grid.zeroPoint() + " in a symmetric matrix");
            }
            scales[row * groups + group] = grid.scale();
            zeroPoints[row * groups + group] = (byte) grid.zeroPoint();
        }

        public void setCode(int row, int column, int code) {
            codes[row * columns + column] = (byte) code;
        }

        /** The packed matrix, in native memory. */
        public GridStorage build() {
            MemorySegment packedCodes = packRows(codes, rows, columns, bits);
            MemorySegment packedScales = NativeMemory.allocate((long) scales.length * scaleType.bytes());
            scaleType.write(scales, 0, scales.length, packedScales, 0);
            MemorySegment packedZeroPoints = null;
            if (!symmetric) {
                packedZeroPoints = NativeMemory.allocate(packedBytes(zeroPoints.length, bits));
                pack(zeroPoints, 0, zeroPoints.length, bits, packedZeroPoints, 0);
            }
            return new GridStorage(
                    rows, columns, bits, groupSize, scaleType, packedCodes, packedScales, packedZeroPoints);
        }
    }

    @Override
    public void readCodes(int row, byte[] target, int offset) {
        unpackRow(codes, row, columns, bits, target, offset);
    }

    @Override
    public boolean hasHalfScales() {
        return scaleType == DataType.F16;
    }

    @Override
    public float scale(int row, int group) {
        return scaleType.get(scales, ((long) row * groups() + group) * scaleType.bytes());
    }

    /** The code that stands for 0 in a group. */
    public int zeroPoint(int row, int group) {
        return zeroPoints == null ? 1 << (bits - 1) : unpack(zeroPoints, (long) row * groups() + group, bits);
    }

    @Override
    public float offset(int row, int group) {
        return -scale(row, group) * zeroPoint(row, group);
    }

    /** Whether all zero points are 2^(bits − 1), so that none is kept. */
    public boolean symmetric() {
        return zeroPoints == null;
    }

    @Override
    public void decodeRow(int row, float[] target, int offset) {
        byte[] rowCodes = new byte[columns];
        readCodes(row, rowCodes, 0);
        float[] rowScales = new float[groups()];
        scaleType.read(scales, (long) row * groups() * scaleType.bytes(), groups(), rowScales, 0);
        for (int group = 0; group < groups(); group++) {
            float scale = rowScales[group];
            int zeroPoint = zeroPoint(row, group);
            int end = Math.min(columns, (group + 1) * groupSize);
            for (int i = group * groupSize; i < end; i++) {
                target[offset + i] = scale * (Byte.toUnsignedInt(rowCodes[i]) - zeroPoint);
            }
        }
    }

    @Override
    public long bytes() {
        return codes.byteSize() + scales.byteSize() + (zeroPoints == null ? 0 : zeroPoints.byteSize());
    }

    @Override
    public String format() {
        return "int" + bits + (groupSize == columns ? "" : " g" + groupSize);
    }

    /** Bytes of a row of codes. */
    static long packedBytes(long count, int bits) {
        return (count * bits + 7) / 8;
    }

    /** Packs codes [rows, columns], one a byte, each row from the lowest bit on and padded to a byte. */
    static MemorySegment packRows(byte[] codes, int rows, int columns, int bits) {
        long rowBytes = packedBytes(columns, bits);
        MemorySegment packed = NativeMemory.allocate(rows * rowBytes);
        for (int row = 0; row < rows; row++) {
            pack(codes, row * columns, columns, bits, packed, row * rowBytes);
        }
        return packed;
    }

    /** One row of what {@link #packRows} makes, one code a byte. */
    static void unpackRow(MemorySegment packed, int row, int columns, int bits, byte[] target, int offset) {
        long position = row * packedBytes(columns, bits);
        int mask = (1 << bits) - 1;
        int buffer = 0;
        int available = 0;
        for (int i = 0; i < columns; i++) {
            if (available < bits) {
                buffer |= Byte.toUnsignedInt(packed.get(ValueLayout.JAVA_BYTE, position++)) << available;
                available += 8;
            }
            target[offset + i] = (byte) (buffer & mask);
            buffer >>>= bits;
            available -= bits;
        }
    }

    /** Number {@code index} of a sequence that {@link #pack} wrote. */
    static int unpack(MemorySegment packed, long index, int bits) {
        long firstBit = index * bits;
        int buffer = Byte.toUnsignedInt(packed.get(ValueLayout.JAVA_BYTE, firstBit / 8));
        if (firstBit % 8 + bits > 8) {
            buffer |= Byte.toUnsignedInt(packed.get(ValueLayout.JAVA_BYTE, firstBit / 8 + 1)) << 8;
        }
        return buffer >>> (firstBit % 8) & ((1 << bits) - 1);
    }

    static void pack(byte[] values, int from, int count, int bits, MemorySegment target, long position) {
        int buffer = 0;
        int held = 0;
        for (int i = from; i < from + count; i++) {
            buffer |= Byte.toUnsignedInt(values[i]) << held;
            held += bits;
            if (held >= 8) {
                target.set(ValueLayout.JAVA_BYTE, position++, (byte) buffer);
                buffer >>>= 8;
                held -= 8;
            }
        }
        if (held > 0) {
            target.set(ValueLayout.JAVA_BYTE, position, (byte) buffer);
        }
    }
}
