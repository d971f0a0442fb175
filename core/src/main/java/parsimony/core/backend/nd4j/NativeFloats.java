package parsimony.core.backend.nd4j;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataBuffer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.concurrency.AffinityManager;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;
import parsimony.core.tensor.Matrix;

/**
 * Floats outside the heap, where ND4J finds them, seen as a matrix of any shape. ND4J's CUDA build has a second copy of them on the card: it is told when the host has written, and
 * asked for what the card has written before the host reads. Its build for the processor takes neither for anything.
 */
final class NativeFloats {
    private MemorySegment segment;
    private DataBuffer buffer;

    /** Room that grows with the matrices that are loaded. */
    NativeFloats() {
        reserve(1);
    }

    /** The memory of {@code floats} itself, which the caller keeps alive; on a card, a copy. */
    NativeFloats(MemorySegment floats) {
        long count = floats.byteSize() / Float.BYTES;
        if (isOnCard()) {
            reserve(count);
            segment.copyFrom(floats);
            written();
        } else {
            segment = floats;
            buffer = Nd4j.createBuffer(new Address(floats.address(), count), count, DataType.FLOAT);
        }
    }

    /** Whether ND4J computes on a graphics card. */
    static boolean isOnCard() {
        return Nd4j.getExecutioner().type() == OpExecutioner.ExecutionerType.CUDA;
    }

    /** Says that the host's copy is the one that counts. */
    private void written() {
        Nd4j.getAffinityManager().tagLocation(buffer, AffinityManager.Location.HOST);
    }

    /** Makes sure that the host has what was computed. */
    private void bringHome() {
        long count = buffer.length();
        INDArray all = Nd4j.create(buffer, new long[] {1, count}, new long[] {count, 1}, 0, 'c', DataType.FLOAT);
        Nd4j.getAffinityManager().ensureLocation(all, AffinityManager.Location.HOST);
    }

    /** Copies {@code matrix} here, row-major and without gaps. */
    void load(Matrix matrix) {
        reserve((long) matrix.rows() * matrix.columns());
        MemorySegment from = MemorySegment.ofArray(matrix.data());
        if (matrix.stride() == matrix.columns()) {
            copy(from, matrix.offset(), segment, 0, (long) matrix.rows() * matrix.columns());
        } else {
            for (int row = 0; row < matrix.rows(); row++) {
                long to = (long) row * matrix.columns();
                copy(from, matrix.offset() + (long) row * matrix.stride(), segment, to, matrix.columns());
            }
        }
        written();
    }

    /** Copies what is here, row-major and without gaps, to {@code matrix}, or adds it. */
    void store(Matrix matrix, boolean add) {
        bringHome();
        MemorySegment to = MemorySegment.ofArray(matrix.data());
        float[] sum = new float[add ? matrix.columns() : 0];
        for (int row = 0; row < matrix.rows(); row++) {
            long from = (long) row * matrix.columns();
            int at = matrix.offset() + row * matrix.stride();
            if (add) {
                copy(segment, from, MemorySegment.ofArray(sum), 0, sum.length);
                for (int i = 0; i < sum.length; i++) {
                    matrix.data()[at + i] += sum[i];
                }
            } else {
                copy(segment, from, to, at, matrix.columns());
            }
        }
    }

    private static void copy(MemorySegment from, long index, MemorySegment to, long toIndex, long count) {
        MemorySegment.copy(from, index * Float.BYTES, to, toIndex * Float.BYTES, count * Float.BYTES);
    }

    /** The first {@code rows · columns} floats, a row after the other. */
    INDArray rowMajor(int rows, int columns) {
        reserve((long) rows * columns);
        return Nd4j.create(buffer, new long[] {rows, columns}, new long[] {columns, 1}, 0, 'c', DataType.FLOAT);
    }

    /** The first {@code rows · columns} floats, a column after the other. */
    INDArray columnMajor(int rows, int columns) {
        reserve((long) rows * columns);
        return Nd4j.create(buffer, new long[] {rows, columns}, new long[] {1, rows}, 0, 'f', DataType.FLOAT);
    }

    private void reserve(long count) {
        if (segment == null || segment.byteSize() < count * Float.BYTES) {
            buffer = Nd4j.createBuffer(DataType.FLOAT, count, false);
            bringHome();
            segment = MemorySegment.ofAddress(buffer.pointer().address()).reinterpret(count * Float.BYTES);
        }
    }

    /** JavaCPP's name for memory that others own. */
    private static final class Address extends FloatPointer {
        Address(long address, long count) {
            super((Pointer) null);
            this.address = address;
            limit = count;
            capacity = count;
        }
    }
}
