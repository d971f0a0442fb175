package parsimony.core.io;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import tools.jackson.databind.JsonNode;

/**
 * Matrices on integer grids in a Hugging Face folder, in the packed form that they have in memory, so that a compressed model takes on disk what it is said to
 * take. A matrix {@code name.weight} [out, in] becomes {@code name.codes} (U8 [out, bytes of a row]), {@code name.scales} (F16, BF16 or F32 [out, groups]) and,
 * unless its grids are symmetric, {@code name.zero_points} (U8 [bytes], one run of bits); {@link GridStorage} tells the order of the bits. Under {@code
 * quantization_config}, {@code config.json} names this method and, for each matrix, its bits and its group's size.
 */
final class PackedTensors {
    /** No matrix is packed. */
    static final PackedTensors NONE = new PackedTensors(Map.of());

    /** The field of {@code config.json}. */
    static final String FIELD = "quantization_config";

    private static final String METHOD = "parsimony";
    private static final int VERSION = 1;
    private static final String SUFFIX = ".weight";

    private final Map<String, Packed> matrices;
    private final Set<String> used = new HashSet<>();

    private PackedTensors(Map<String, Packed> matrices) {
        this.matrices = matrices;
    }

    /** One matrix as it lies in files; {@code zeroPoints} is null where the grids are symmetric. */
    private record Packed(int bits, int groupSize, StoredTensor codes, StoredTensor scales, StoredTensor zeroPoints) {}

    /** Whether a folder's configuration describes matrices in this form. */
    static boolean describes(Json config) throws ModelFormatException {
        return config.has(FIELD)
                && config.node().get(FIELD).isObject()
                && config.object(FIELD).string("quant_method", "").equals(METHOD);
    }

    /**
     * Takes the tensors of packed matrices out of {@code tensors}.
     *
     * @throws ModelFormatException if the description or a tensor is missing or malformed
     */
    static PackedTensors read(Json config, Map<String, StoredTensor> tensors) throws ModelFormatException {
        if (!describes(config)) {
            return NONE;
        }
        Json description = config.object(FIELD);
        if (description.positive("version") != VERSION) {
            throw new ModelFormatException(
                    config.file(),
                    -1,
                    "version " + description.positive("version") + " of packed matrices is not supported; supported: "
                            + VERSION);
        }
        Json list = description.object("matrices");
        Map<String, Packed> matrices = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : list.node().properties()) {
            matrices.put(entry.getKey() + SUFFIX, read(entry.getKey(), list.object(entry.getKey()), tensors));
        }
        return new PackedTensors(matrices);
    }

    private static Packed read(String name, Json matrix, Map<String, StoredTensor> tensors)
            throws ModelFormatException {
        int bits = matrix.positive("bits");
        if (bits < 2 || bits > 8) {
            throw new ModelFormatException(
                    matrix.file(),
                    -1,
                    "the matrix " + MappedFile.quoted(name) + " has codes of " + bits
                            + " bits, where 2 to 8 are possible");
        }
        int groupSize = matrix.positive("group_size");
        boolean symmetric = matrix.truth("symmetric", false);
        return new Packed(
                bits,
                groupSize,
                take(name + ".codes", matrix, tensors),
                take(name + ".scales", matrix, tensors),
                symmetric ? null : take(name + ".zero_points", matrix, tensors));
    }

    private static StoredTensor take(String name, Json matrix, Map<String, StoredTensor> tensors)
            throws ModelFormatException {
        StoredTensor tensor = tensors.remove(name);
        if (tensor == null) {
            throw new ModelFormatException(
                    matrix.file(), -1, FIELD + " tells of a tensor " + MappedFile.quoted(name) + " that is not there");
        }
        return tensor;
    }

    /** Whether the matrix of that name is packed. */
    boolean has(String name) {
        return matrices.containsKey(name);
    }

    /** Checks that the tensors of a matrix hold {@code rows} × {@code columns} weights. */
    void requireShape(String name, long rows, long columns) throws ModelFormatException {
        Packed packed = matrices.get(name);
        if (packed.groupSize > columns) {
            throw packed.codes.malformed(
                    "has groups of " + packed.groupSize + ", more than the " + columns + " weights of a row");
        }
        long groups = Math.ceilDiv(columns, packed.groupSize);
        requireBytes(packed.codes, List.of(rows, packedBytes(columns, packed.bits)));
        packed.scales.requireShape(List.of(rows, groups));
        scaleType(packed.scales);
        if (packed.zeroPoints != null) {
            // Rows and groups are at most 2³¹ each, so that the product is exact.
            requireBytes(packed.zeroPoints, List.of(packedBytes(rows * groups, packed.bits)));
        }
    }

    /** The matrix, used where it lies. */
    GridStorage matrix(String name, int rows, int columns) throws ModelFormatException {
        requireShape(name, rows, columns);
        used.add(name);
        Packed packed = matrices.get(name);
        return new GridStorage(
                rows,
                columns,
                packed.bits,
                packed.groupSize,
                scaleType(packed.scales),
                packed.codes.data(),
                packed.scales.data(),
                packed.zeroPoints == null ? null : packed.zeroPoints.data());
    }

    /** Refuses matrices that the model has no place for. */
    void requireAllUsed() throws ModelFormatException {
        for (Map.Entry<String, Packed> entry : matrices.entrySet()) {
            if (!used.contains(entry.getKey())) {
                throw entry.getValue().codes.malformed("has no place in this architecture");
            }
        }
    }

    private static void requireBytes(StoredTensor tensor, List<Long> shape) throws ModelFormatException {
        if (!tensor.type().equals("U8")) {
            throw tensor.malformed("has the number format " + tensor.type() + ", where U8 is needed");
        }
        tensor.requireShape(shape);
    }

    private static DataType scaleType(StoredTensor scales) throws ModelFormatException {
        for (DataType type : DataType.values()) {
            if (type.name().equals(scales.type())) {
                return type;
            }
        }
        throw scales.malformed("has the number format " + scales.type() + ", where F16, BF16 or F32 is needed");
    }

    private static long packedBytes(long count, int bits) {
        return Math.ceilDiv(count * bits, 8);
    }

    /** The tensors of a packed matrix. */
    static List<TensorPart> parts(String weightName, GridStorage grid) {
        String name = withoutSuffix(weightName);
        long rows = grid.rows();
        TensorPart codes = TensorPart.raw(
                name + ".codes", "U8", grid.codes(), List.of(rows, packedBytes(grid.columns(), grid.bits())));
        TensorPart scales = TensorPart.raw(
                name + ".scales", grid.scaleType().name(), grid.scales(), List.of(rows, (long) grid.groups()));
        if (grid.symmetric()) {
            return List.of(codes, scales);
        }
        long bytes = grid.zeroPoints().byteSize();
        return List.of(codes, scales, TensorPart.raw(name + ".zero_points", "U8", grid.zeroPoints(), List.of(bytes)));
    }

    /** What {@code config.json} says about packed matrices, under their weights' names. */
    static Map<String, Object> describe(Map<String, GridStorage> grids) {
        Map<String, Object> list = new LinkedHashMap<>();
        grids.forEach((weightName, grid) -> {
            Map<String, Object> matrix = new LinkedHashMap<>();
            matrix.put("bits", grid.bits());
            matrix.put("group_size", grid.groupSize());
            matrix.put("symmetric", grid.symmetric());
            list.put(withoutSuffix(weightName), matrix);
        });
        Map<String, Object> description = new LinkedHashMap<>();
        description.put("quant_method", METHOD);
        description.put("version", VERSION);
        description.put("matrices", list);
        return description;
    }

    private static String withoutSuffix(String weightName) {
        return weightName.substring(0, weightName.length() - SUFFIX.length());
    }
}
