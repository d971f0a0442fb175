package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * A tensor that is to be written to a safetensors file.
 *
 * @param name its name there
 * @param type its number format in the file's word
 * @param shape outermost dimension first
 * @param bytes its size in the file
 * @param body what writes that many bytes
 */
record TensorPart(String name, String type, List<Long> shape, long bytes, Body body) {
    /** Writes a tensor's bytes. */
    @FunctionalInterface
    interface Body {
        void write(TensorWriter writer) throws IOException;
    }

    /** A matrix of any storage, decoded to numbers of {@code type}. */
    static TensorPart matrix(String name, DataType type, WeightStorage matrix) {
        return numbers(name, type, matrix, List.of((long) matrix.rows(), (long) matrix.columns()));
    }

    static TensorPart vector(String name, DataType type, Tensor vector) {
        WeightStorage row = new TensorStorage(Tensor.of(vector.array(), 1, vector.size()));
        return numbers(name, type, row, List.of((long) vector.size()));
    }

    private static TensorPart numbers(String name, DataType type, WeightStorage matrix, List<Long> shape) {
        long bytes = (long) matrix.rows() * matrix.columns() * type.bytes();
        return new TensorPart(
                name, type.name(), shape, bytes, writer -> writer.write(matrix, GgufType.valueOf(type.name())));
    }

    /** Bytes as they are. */
    static TensorPart raw(String name, String type, MemorySegment bytes, List<Long> shape) {
        return new TensorPart(name, type, shape, bytes.byteSize(), writer -> writer.writeBytes(bytes));
    }

    void write(TensorWriter writer) throws IOException {
        body.write(writer);
    }
}
