package parsimony.core.backend.vector;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Objects;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;

/** Reads stored floating-point numbers several lanes at a time; to the bit what {@link DataType} reads one by one. */
final class FloatDecoder {
    private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    /** As many shorts as there are lanes of float. */
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(SPECIES.vectorBitSize() / 2));

    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;

    private static final int SIGN_AND_MAGNITUDE = 0x8fffe000;
    private static final int INFINITY = 0x7f800000;

    private FloatDecoder() {}

    /** Decodes the rows of {@code weights}. */
    static RowDecoder rows(DenseStorage weights) {
        int columns = weights.columns();
        long rowBytes = (long) columns * weights.type().bytes();
        return (row, target, offset) -> decode(weights.type(), weights.data(), row * rowBytes, target, offset, columns);
    }

    /**
     * Reads {@code count} numbers from {@code source}, the first at {@code byteOffset}, to {@code target}.
     *
     * @throws IndexOutOfBoundsException if they do not lie within the segment or the array
     */
    static void decode(DataType type, MemorySegment source, long byteOffset, float[] target, int offset, int count) {
        Objects.checkFromIndexSize(byteOffset, (long) count * type.bytes(), source.byteSize());
        Objects.checkFromIndexSize(offset, count, target.length);
        int done = switch (type) {
            case F32 -> 0;
            case BF16 -> decodeBf16(source, byteOffset, target, offset, count);
            case F16 -> decodeF16(source, byteOffset, target, offset, count);
        };
        type.read(source, byteOffset + (long) done * type.bytes(), count - done, target, offset + done);
    }

    private static int decodeBf16(MemorySegment source, long byteOffset, float[] target, int offset, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            bf16(source, byteOffset + 2L * i).intoArray(target, offset + i);
        }
        return i;
    }

    private static int decodeF16(MemorySegment source, long byteOffset, float[] target, int offset, int count) {
        int i = 0;
        for (; i <= count - LANES; i += LANES) {
            f16(source, byteOffset + 2L * i).intoArray(target, offset + i);
        }
        return i;
    }

    /** A vector of numbers stored as {@link DataType#F32}. */
    static FloatVector f32(MemorySegment source, long byteOffset) {
        return FloatVector.fromMemorySegment(SPECIES, source, byteOffset, ORDER);
    }

    /** A vector of numbers stored as {@link DataType#BF16}. */
    static FloatVector bf16(MemorySegment source, long byteOffset) {
        return widen(source, byteOffset).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /**
     * A vector of numbers stored as {@link DataType#F16}. With sign, exponent and fraction moved to where single precision
     * has them, a number is too small by a power of two, subnormal or not; a multiplication puts that right, but for
     * infinity and NaN, whose exponents have to be filled up.
     */
    static FloatVector f16(MemorySegment source, long byteOffset) {
        IntVector moved =
                widen(source, byteOffset).lanewise(VectorOperators.LSHL, 13).and(SIGN_AND_MAGNITUDE);
        FloatVector scaled = moved.reinterpretAsFloats().mul(0x1p112f);
        VectorMask<Float> notFinite = scaled.abs().compare(VectorOperators.GE, 0x1p16f);
        return scaled.blend(scaled.reinterpretAsInts().or(INFINITY).reinterpretAsFloats(), notFinite);
    }

    private static IntVector widen(MemorySegment source, long byteOffset) {
        return (IntVector) ShortVector.fromMemorySegment(SHORTS, source, byteOffset, ORDER)
                .convertShape(VectorOperators.S2I, INTS, 0);
    }
}
