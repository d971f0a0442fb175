package parsimony.core.io;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.ColumnsStorage;
import parsimony.core.tensor.ConstantStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.NestedGridStorage;
import parsimony.core.tensor.RotatedStorage;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;

/**
 * Compressed matrices in a Hugging Face folder, in the form that they have in memory, so that a compressed model takes on disk what it is said to take. A
 * storage is a record, and a file keeps its components: under {@code quantization_config}, {@code config.json} names for each matrix the kind of storage and its
 * numbers; bytes become a tensor {@code name.component} (U8 [bytes]), plain floats a tensor of their own format, and other matrices that a storage is made of
 * are kept in the same way under {@code name.component}. What the bytes mean is told where the storage is.
 */
final class PackedTensors {
    /** No matrix is packed. */
    static final PackedTensors NONE = new PackedTensors(null, Map.of());

    /** The field of {@code config.json}. */
    static final String FIELD = "quantization_config";

    private static final List<Class<? extends WeightStorage>> STORAGES = List.of(
            GridStorage.class,
            NestedGridStorage.class,
            ConstantStorage.class,
            RotatedStorage.class,
            SumStorage.class,
            ColumnsStorage.class,
            SparseStorage.class,
            SparseGridStorage.class,
            LowRankStorage.class,
            ScaledInputStorage.class,
            RoundedInputStorage.class);

    private static final String METHOD = "parsimony";
    private static final int VERSION = 2;
    private static final String KIND = "kind";
    private static final String SUFFIX = ".weight";
    private static final int DEEPEST = 8;

    private final Json config;
    private final Map<String, WeightStorage> matrices;
    private final Set<String> used = new HashSet<>();

    private PackedTensors(Json config, Map<String, WeightStorage> matrices) {
        this.config = config;
        this.matrices = matrices;
    }

    /** Whether a folder's configuration describes matrices in this form. */
    static boolean describes(Json config) throws ModelFormatException {
        return config.has(FIELD)
                && config.node().get(FIELD).isObject()
                && config.object(FIELD).string("quant_method", "").equals(METHOD);
    }

    /**
     * Takes the tensors of packed matrices out of {@code tensors}; they are used where they lie.
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
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        for (String name : list.node().propertyNames()) {
            matrices.put(name + SUFFIX, storage(name, list.object(name), tensors, 0));
        }
        return new PackedTensors(config, matrices);
    }

    private static WeightStorage storage(String path, Json json, Map<String, StoredTensor> tensors, int depth)
            throws ModelFormatException {
        if (depth == DEEPEST) {
            throw malformed(path, json, "is made of matrices that are made of others too often");
        }
        String kind = json.string(KIND, "");
        Class<? extends WeightStorage> type = STORAGES.stream()
                .filter(storage -> kind(storage).equals(kind))
                .findFirst()
                .orElse(null);
        if (type == null) {
            throw malformed(path, json, "is of the kind " + MappedFile.quoted(kind) + ", which is not supported");
        }
        RecordComponent[] components = type.getRecordComponents();
        Object[] values = new Object[components.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = component(path, components[i], json, tensors, depth);
        }
        try {
            Class<?>[] types =
                    Arrays.stream(components).map(RecordComponent::getType).toArray(Class[]::new);
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            String reason =
                    e.getCause() instanceof IllegalArgumentException wrong ? wrong.getMessage() : "it lacks a part";
            throw malformed(path, json, "is malformed: " + reason);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object component(
            String path, RecordComponent component, Json json, Map<String, StoredTensor> tensors, int depth)
            throws ModelFormatException {
        String name = component.getName();
        Class<?> type = component.getType();
        JsonNode value = json.node().get(name);
        String tensorName = path + "." + name;
        if (type == MemorySegment.class) {
            return value != null && value.isNull() ? null : bytes(take(tensorName, json, tensors));
        }
        if (WeightStorage.class.isAssignableFrom(type)) {
            WeightStorage part = value == null
                    ? take(tensorName, json, tensors).matrix()
                    : storage(tensorName, json.object(name), tensors, depth + 1);
            if (!type.isInstance(part)) {
                throw malformed(tensorName, json, "has the wrong kind");
            }
            return part;
        }
        if (type == int.class && value != null && value.isIntegralNumber() && value.canConvertToInt()) {
            return value.intValue();
        }
        if (type == boolean.class && value != null && value.isBoolean()) {
            return value.booleanValue();
        }
        if (type == float.class
                && value != null
                && (value.isNumber() || value.asString().equals("Infinity"))) {
            return value.isNumber() ? (float) value.doubleValue() : Float.POSITIVE_INFINITY;
        }
        if (type.isEnum() && value != null && value.isString()) {
            for (Object constant : type.getEnumConstants()) {
                if (((Enum<?>) constant).name().equals(value.stringValue())) {
                    return constant;
                }
            }
        }
        throw malformed(path, json, "has no proper value for " + name);
    }

    private static StoredTensor take(String name, Json json, Map<String, StoredTensor> tensors)
            throws ModelFormatException {
        StoredTensor tensor = tensors.remove(name);
        if (tensor == null) {
            throw new ModelFormatException(
                    json.file(), -1, FIELD + " tells of a tensor " + MappedFile.quoted(name) + " that is not there");
        }
        return tensor;
    }

    private static MemorySegment bytes(StoredTensor tensor) throws ModelFormatException {
        if (!tensor.type().equals("U8")) {
            throw tensor.malformed("has the number format " + tensor.type() + ", where U8 is needed");
        }
        return tensor.data();
    }

    private static ModelFormatException malformed(String path, Json json, String what) {
        return new ModelFormatException(json.file(), -1, "the matrix " + MappedFile.quoted(path) + " " + what);
    }

    /** Whether the matrix of that name is packed. */
    boolean has(String name) {
        return matrices.containsKey(name);
    }

    /** Checks that a matrix has {@code rows} × {@code columns} weights. */
    void requireShape(String name, long rows, long columns) throws ModelFormatException {
        WeightStorage matrix = matrices.get(name);
        if (matrix.rows() != rows || matrix.columns() != columns) {
            throw malformed(
                    withoutSuffix(name),
                    config,
                    "has shape [" + matrix.rows() + ", " + matrix.columns()
                            + "], where the model's configuration wants [" + rows + ", " + columns + "]");
        }
    }

    WeightStorage matrix(String name, int rows, int columns) throws ModelFormatException {
        requireShape(name, rows, columns);
        used.add(name);
        return matrices.get(name);
    }

    /** Refuses matrices that the model has no place for. */
    void requireAllUsed() throws ModelFormatException {
        for (String name : matrices.keySet()) {
            if (!used.contains(name)) {
                throw malformed(withoutSuffix(name), config, "has no place in this architecture");
            }
        }
    }

    /** Whether a matrix can be written in this form. */
    static boolean canHold(WeightStorage matrix) {
        if (!STORAGES.contains(matrix.getClass())) {
            return false;
        }
        return Arrays.stream(matrix.getClass().getRecordComponents())
                .map(component -> value(component, matrix))
                .allMatch(part -> !(part instanceof WeightStorage storage) || isPlain(storage) || canHold(storage));
    }

    private static boolean isPlain(WeightStorage matrix) {
        return matrix instanceof DenseStorage || matrix instanceof TensorStorage;
    }

    /** The tensors of a matrix. */
    static List<TensorPart> parts(String weightName, WeightStorage matrix) {
        List<TensorPart> parts = new ArrayList<>();
        collect(withoutSuffix(weightName), matrix, parts);
        return parts;
    }

    private static void collect(String path, WeightStorage matrix, List<TensorPart> parts) {
        for (RecordComponent component : matrix.getClass().getRecordComponents()) {
            String name = path + "." + component.getName();
            switch (value(component, matrix)) {
                case MemorySegment segment ->
                    parts.add(TensorPart.raw(name, "U8", segment, List.of(segment.byteSize())));
                case DenseStorage dense -> parts.add(TensorPart.matrix(name, dense.type(), dense));
                case TensorStorage floats -> parts.add(TensorPart.matrix(name, DataType.F32, floats));
                case WeightStorage part -> collect(name, part, parts);
                case null, default -> {}
            }
        }
    }

    /** What {@code config.json} says about packed matrices, under their weights' names. */
    static Map<String, Object> describe(Map<String, WeightStorage> matrices) {
        Map<String, Object> list = new LinkedHashMap<>();
        matrices.forEach((weightName, matrix) -> list.put(withoutSuffix(weightName), describe(matrix)));
        Map<String, Object> description = new LinkedHashMap<>();
        description.put("quant_method", METHOD);
        description.put("version", VERSION);
        description.put("matrices", list);
        return description;
    }

    private static Map<String, Object> describe(WeightStorage matrix) {
        Map<String, Object> description = new LinkedHashMap<>();
        description.put(KIND, kind(matrix.getClass()));
        for (RecordComponent component : matrix.getClass().getRecordComponents()) {
            String name = component.getName();
            switch (value(component, matrix)) {
                case null -> description.put(name, null);
                case MemorySegment _ -> {}
                case WeightStorage part when isPlain(part) -> {}
                case WeightStorage part -> description.put(name, describe(part));
                case Float number -> description.put(name, number.isInfinite() ? "Infinity" : (Object) number);
                case Enum<?> constant -> description.put(name, constant.name());
                case Object number -> description.put(name, number);
            }
        }
        return description;
    }

    private static Object value(RecordComponent component, WeightStorage matrix) {
        try {
            return component.getAccessor().invoke(matrix);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** {@code GridStorage} is a {@code grid}. */
    private static String kind(Class<? extends WeightStorage> storage) {
        String name = storage.getSimpleName();
        return Character.toLowerCase(name.charAt(0)) + name.substring(1, name.length() - "Storage".length());
    }

    private static String withoutSuffix(String weightName) {
        return weightName.substring(0, weightName.length() - SUFFIX.length());
    }
}
