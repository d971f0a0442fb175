package parsimony.core.io;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * A tensor as it lies in a mapped file.
 *
 * @param file the file it lies in
 * @param name its name there
 * @param type its number format in the file's own word, such as {@code BF16} or {@code Q4_0}
 * @param shape outermost dimension first
 * @param offset where its data begins in the file
 * @param data its bytes in the file, or null where the format, and so their number, is not known
 */
public record StoredTensor(Path file, String name, String type, List<Long> shape, long offset, MemorySegment data) {
    public StoredTensor {
        Objects.requireNonNull(file);
        Objects.requireNonNull(name);
        shape = List.copyOf(shape);
    }

    /**
     * The tensor as a matrix [out, in], used where it lies.
     *
     * @throws ModelFormatException if it is no matrix or its number format is not supported
     */
    public WeightStorage matrix() throws ModelFormatException {
        if (shape.size() != 2 || shape.get(0) > Integer.MAX_VALUE || shape.get(1) > Integer.MAX_VALUE) {
            throw malformed("has shape " + shapeText() + ", where a matrix is needed");
        }
        return storage(shape.get(0).intValue(), shape.get(1).intValue());
    }

    /**
     * The tensor as a vector, copied to the heap.
     *
     * @throws ModelFormatException if it is no vector or its number format is not supported
     */
    public Tensor vector() throws ModelFormatException {
        if (shape.size() != 1 || shape.get(0) > Integer.MAX_VALUE) {
            throw malformed("has shape " + shapeText() + ", where a vector is needed");
        }
        WeightStorage row = storage(1, shape.get(0).intValue());
        float[] values = new float[row.columns()];
        row.decodeRow(0, values, 0);
        return Tensor.of(values, values.length);
    }

    /** The tensor as a matrix of {@code rows} × {@code columns}, or a refusal. */
    WeightStorage matrix(int rows, int columns) throws ModelFormatException {
        requireShape(List.of((long) rows, (long) columns));
        return matrix();
    }

    /** The tensor as a vector of {@code size} numbers, or a refusal. */
    Tensor vector(int size) throws ModelFormatException {
        requireShape(List.of((long) size));
        return vector();
    }

    void requireShape(List<Long> expected) throws ModelFormatException {
        if (!shape.equals(expected)) {
            throw malformed("has shape " + shapeText() + ", where the model's configuration wants " + text(expected));
        }
    }

    private WeightStorage storage(int rows, int columns) throws ModelFormatException {
        for (GgufType known : GgufType.values()) {
            if (known.name().equals(type) && data != null) {
                return known.storage(rows, columns, data);
            }
        }
        throw malformed("has the number format " + type + ", which is not supported");
    }

    ModelFormatException malformed(String reason) {
        return new ModelFormatException(file, offset, "tensor " + MappedFile.quoted(name) + " " + reason);
    }

    String shapeText() {
        return text(shape);
    }

    private static String text(List<Long> shape) {
        return shape.stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
    }
}
