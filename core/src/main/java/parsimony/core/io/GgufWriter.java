package parsimony.core.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import parsimony.core.AtomicFile;
import parsimony.core.io.GgufMetadata.Kind;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Writes GGUF files of version 3, streaming: descriptions first, then the tensors in the same order. */
final class GgufWriter {
    private final Map<String, Object> metadata = new LinkedHashMap<>();
    private final Map<String, Part> parts = new LinkedHashMap<>();
    private long dataBytes;

    /** A tensor that is to be written. */
    private record Part(WeightStorage weights, boolean vector, GgufType type, long offset) {}

    /**
     * Adds a value: {@code Integer} (unsigned where it is not negative), {@code Long} (likewise), {@code Float},
     * {@code Double}, {@code Boolean}, {@code String}, {@code int[]}, {@code long[]}, {@code float[]},
     * {@code double[]}, {@code boolean[]} or {@code List<String>}.
     *
     * @throws IllegalArgumentException if the key is taken or the value of another class
     */
    void put(String key, Object value) {
        kind(value);
        if (metadata.putIfAbsent(key, value) != null) {
            throw new IllegalArgumentException("the metadata key " + key + " is taken");
        }
    }

    boolean has(String key) {
        return metadata.containsKey(key);
    }

    void addMatrix(String name, WeightStorage matrix, GgufType type) {
        add(name, matrix, false, type);
    }

    void addVector(String name, Tensor vector) {
        add(name, new TensorStorage(Tensor.of(vector.array(), 1, vector.size())), true, GgufType.F32);
    }

    private void add(String name, WeightStorage weights, boolean vector, GgufType type) {
        if (parts.putIfAbsent(name, new Part(weights, vector, type, dataBytes)) != null) {
            throw new IllegalArgumentException("the tensor name " + name + " is taken");
        }
        dataBytes = aligned(dataBytes + weights.rows() * type.rowBytes(weights.columns()));
    }

    private static long aligned(long position) {
        return Math.ceilDiv(position, Gguf.DEFAULT_ALIGNMENT) * Gguf.DEFAULT_ALIGNMENT;
    }

    void write(Path file, Progress progress) throws IOException {
        byte[] header = header();
        long dataStart = aligned(header.length);
        AtomicFile.write(file, channel -> {
            TensorWriter writer = new TensorWriter(channel, progress, dataStart + dataBytes);
            writer.writeBytes(MemorySegment.ofArray(header));
            for (Part part : parts.values()) {
                pad(writer, dataStart + part.offset - channel.position());
                writer.write(part.weights, part.type);
            }
            pad(writer, dataStart + dataBytes - channel.position());
        });
    }

    private static void pad(TensorWriter writer, long bytes) throws IOException {
        writer.writeBytes(MemorySegment.ofArray(new byte[(int) bytes]));
    }

    private byte[] header() {
        Output output = new Output();
        output.int32(Gguf.MAGIC);
        output.int32(Gguf.VERSION);
        output.int64(parts.size());
        output.int64(metadata.size());
        metadata.forEach((key, value) -> {
            output.text(key);
            output.value(value);
        });
        parts.forEach((name, part) -> {
            output.text(name);
            List<Long> dimensions = new ArrayList<>(List.of((long) part.weights.columns()));
            if (!part.vector) {
                dimensions.add((long) part.weights.rows());
            }
            output.int32(dimensions.size());
            dimensions.forEach(output::int64);
            output.int32(part.type.id);
            output.int64(part.offset);
        });
        return output.bytes.toByteArray();
    }

    private static Kind kind(Object value) {
        return switch (value) {
            case Integer number -> number >= 0 ? Kind.UINT32 : Kind.INT32;
            case Long number -> number >= 0 ? Kind.UINT64 : Kind.INT64;
            case Float number -> Kind.FLOAT32;
            case Double number -> Kind.FLOAT64;
            case Boolean truth -> Kind.BOOL;
            case String text -> Kind.STRING;
            case int[] numbers -> Kind.ARRAY;
            case long[] numbers -> Kind.ARRAY;
            case float[] numbers -> Kind.ARRAY;
            case double[] numbers -> Kind.ARRAY;
            case boolean[] truths -> Kind.ARRAY;
            case List<?> texts -> Kind.ARRAY;
            default ->
                throw new IllegalArgumentException(
                        "a metadata value cannot be of " + value.getClass().getName());
        };
    }

    /** Collects the header in memory; it holds no weights. */
    private static final class Output {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final ByteBuffer buffer = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);

        void int8(int number) {
            bytes.write(number);
        }

        void int32(int number) {
            bytes.write(buffer.putInt(0, number).array(), 0, 4);
        }

        void int64(long number) {
            bytes.write(buffer.putLong(0, number).array(), 0, 8);
        }

        void text(String text) {
            byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
            int64(utf8.length);
            bytes.writeBytes(utf8);
        }

        void value(Object value) {
            int32(kind(value).id());
            if (value instanceof List<?> texts) {
                array(Kind.STRING, texts.size());
                texts.forEach(text -> text((String) text));
            } else {
                numbers(value);
            }
        }

        private void numbers(Object value) {
            switch (value) {
                case Integer number -> int32(number);
                case Long number -> int64(number);
                case Float number -> int32(Float.floatToRawIntBits(number));
                case Double number -> int64(Double.doubleToRawLongBits(number));
                case Boolean truth -> int8(truth ? 1 : 0);
                case String text -> text(text);
                case int[] numbers -> {
                    array(Kind.INT32, numbers.length);
                    for (int number : numbers) {
                        int32(number);
                    }
                }
                case long[] numbers -> {
                    array(Kind.INT64, numbers.length);
                    for (long number : numbers) {
                        int64(number);
                    }
                }
                case float[] numbers -> {
                    array(Kind.FLOAT32, numbers.length);
                    for (float number : numbers) {
                        int32(Float.floatToRawIntBits(number));
                    }
                }
                case double[] numbers -> {
                    array(Kind.FLOAT64, numbers.length);
                    for (double number : numbers) {
                        int64(Double.doubleToRawLongBits(number));
                    }
                }
                case boolean[] truths -> {
                    array(Kind.BOOL, truths.length);
                    for (boolean truth : truths) {
                        int8(truth ? 1 : 0);
                    }
                }
                default -> throw new IllegalArgumentException("no number: " + value);
            }
        }

        private void array(Kind element, int count) {
            int32(element.id());
            int64(count);
        }
    }
}
