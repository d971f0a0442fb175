package parsimony.core.io;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.json.JsonMapper;

/**
 * A {@code .safetensors} file: eight bytes of header length, a JSON header, then the tensors without gaps. Tensors of
 * any number format are listed; those that this laboratory cannot compute with are refused when they are asked for.
 *
 * @param path the file
 * @param metadata what the file says about itself under {@code __metadata__}
 * @param tensors by name, in the order of the header
 */
public record SafeTensors(Path path, Map<String, String> metadata, SequencedMap<String, StoredTensor> tensors) {
    private static final String METADATA = "__metadata__";
    private static final long LENGTH_BYTES = 8;
    /** The bound of the reference implementation. */
    private static final long MAXIMUM_HEADER = 100_000_000;

    private static final int MAXIMUM_RANK = 16;

    private static final Map<String, Integer> BITS = Map.ofEntries(
            Map.entry("BOOL", 8),
            Map.entry("U8", 8),
            Map.entry("I8", 8),
            Map.entry("F8_E4M3", 8),
            Map.entry("F8_E5M2", 8),
            Map.entry("F8_E8M0", 8),
            Map.entry("I16", 16),
            Map.entry("U16", 16),
            Map.entry("F16", 16),
            Map.entry("BF16", 16),
            Map.entry("I32", 32),
            Map.entry("U32", 32),
            Map.entry("F32", 32),
            Map.entry("F64", 64),
            Map.entry("I64", 64),
            Map.entry("U64", 64),
            Map.entry("C64", 64));

    /**
     * Maps a file and reads its header.
     *
     * @throws ModelFormatException if the file is not a well-formed safetensors file
     */
    public static SafeTensors open(Path file) throws IOException {
        return parse(MappedFile.open(file));
    }

    /** The tensor of that name, or a refusal. */
    public StoredTensor tensor(String name) throws ModelFormatException {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new ModelFormatException(path, -1, "there is no tensor " + MappedFile.quoted(name));
        }
        return tensor;
    }

    static SafeTensors parse(MappedFile file) throws ModelFormatException {
        if (file.size() < LENGTH_BYTES) {
            throw file.malformed(0, "a safetensors file has at least 8 bytes, not " + file.size());
        }
        long headerBytes = file.bytes().get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 0);
        if (headerBytes < 0 || headerBytes > MAXIMUM_HEADER || headerBytes > file.size() - LENGTH_BYTES) {
            throw file.malformed(
                    0,
                    "a header of " + Long.toUnsignedString(headerBytes) + " bytes does not fit a file of " + file.size()
                            + " (limit: " + MAXIMUM_HEADER + ")");
        }
        byte[] header = file.bytes().asSlice(LENGTH_BYTES, headerBytes).toArray(ValueLayout.JAVA_BYTE);
        return new HeaderReader(file, LENGTH_BYTES + headerBytes).read(header);
    }

    /**
     * Writes matrices and vectors, streaming; the file appears only when it is whole.
     *
     * @param type the format of every number
     * @param matrices by name; storages of any kind are decoded
     * @param vectors by name
     * @param metadata strings to say about the file; Hugging Face's own readers want {@code format = pt}
     */
    public static void write(
            Path file,
            DataType type,
            Map<String, WeightStorage> matrices,
            Map<String, Tensor> vectors,
            Map<String, String> metadata)
            throws IOException {
        List<TensorPart> parts = new ArrayList<>();
        matrices.forEach((name, matrix) -> parts.add(TensorPart.matrix(name, type, matrix)));
        vectors.forEach((name, vector) -> parts.add(TensorPart.vector(name, type, vector)));
        write(file, parts, metadata);
    }

    /** Writes tensors of any formats in their order, streaming; the file appears only when it is whole. */
    static void write(Path file, List<TensorPart> parts, Map<String, String> metadata) throws IOException {
        Map<String, Object> header = new LinkedHashMap<>();
        header.put(METADATA, metadata);
        long position = 0;
        for (TensorPart part : parts) {
            Map<String, Object> description = new LinkedHashMap<>();
            description.put("dtype", part.type());
            description.put("shape", part.shape());
            description.put("data_offsets", new long[] {position, position + part.bytes()});
            if (part.name().equals(METADATA) || header.put(part.name(), description) != null) {
                throw new IllegalArgumentException("the tensor name \"" + part.name() + "\" is taken");
            }
            position += part.bytes();
        }
        byte[] json = padded(JsonMapper.shared().writeValueAsBytes(header));
        AtomicFile.write(file, channel -> {
            ByteBuffer length = ByteBuffer.allocate((int) LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
            AtomicFile.writeFully(channel, length.putLong(0, json.length));
            AtomicFile.writeFully(channel, ByteBuffer.wrap(json));
            TensorWriter writer = new TensorWriter(channel, Progress.NONE, 0);
            for (TensorPart part : parts) {
                part.write(writer);
            }
        });
    }

    /** Fills up with spaces so that the data begins at a multiple of eight. */
    private static byte[] padded(byte[] json) {
        byte[] padded = new byte[Math.ceilDiv(json.length, 8) * 8];
        System.arraycopy(json, 0, padded, 0, json.length);
        for (int i = json.length; i < padded.length; i++) {
            padded[i] = ' ';
        }
        return padded;
    }

    /** Reads the header with a streaming parser: nothing is built for what a lying header only claims. */
    private static final class HeaderReader {
        private final MappedFile file;
        private final long dataStart;
        private final long dataSize;
        private final SequencedMap<String, StoredTensor> tensors = new LinkedHashMap<>();
        private final List<Span> spans = new ArrayList<>();
        private Map<String, String> metadata;
        private String json = "";

        HeaderReader(MappedFile file, long dataStart) {
            this.file = file;
            this.dataStart = dataStart;
            this.dataSize = file.size() - dataStart;
        }

        SafeTensors read(byte[] header) throws ModelFormatException {
            if (header.length == 0 || header[0] != '{') {
                throw file.malformed(LENGTH_BYTES, "the header does not begin with {");
            }
            // Decoded here, not by the parser, which would guess at UTF-16 and UTF-32 from zero bytes.
            json = new String(header, StandardCharsets.UTF_8);
            try (JsonParser parser = JsonMapper.shared().createParser(json)) {
                parser.nextToken();
                while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                    readEntry(parser);
                }
                require(parser, JsonToken.END_OBJECT);
                if (parser.nextToken() != null) {
                    throw malformed(parser, "text follows the header's JSON");
                }
            } catch (JacksonException e) {
                throw file.malformed(LENGTH_BYTES, "the header is not JSON: " + Json.reason(e));
            }
            requireNoGaps();
            return new SafeTensors(file.path(), metadata == null ? Map.of() : metadata, tensors);
        }

        private void readEntry(JsonParser parser) throws ModelFormatException {
            String name = parser.currentName();
            parser.nextToken();
            require(parser, JsonToken.START_OBJECT);
            if (name.equals(METADATA)) {
                readMetadata(parser);
            } else {
                readTensor(parser, name);
            }
        }

        private void readMetadata(JsonParser parser) throws ModelFormatException {
            if (metadata != null) {
                throw malformed(parser, METADATA + " occurs twice");
            }
            metadata = new LinkedHashMap<>();
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String key = parser.currentName();
                parser.nextToken();
                require(parser, JsonToken.VALUE_STRING);
                if (metadata.put(key, parser.getString()) != null) {
                    throw malformed(parser, "the metadata key " + MappedFile.quoted(key) + " occurs twice");
                }
            }
        }

        private void readTensor(JsonParser parser, String name) throws ModelFormatException {
            String type = null;
            List<Long> shape = null;
            List<Long> offsets = null;
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String key = parser.currentName();
                parser.nextToken();
                switch (key) {
                    case "dtype" -> {
                        require(parser, JsonToken.VALUE_STRING);
                        type = once(parser, name, type, parser.getString());
                    }
                    case "shape" -> shape = once(parser, name, shape, numbers(parser, MAXIMUM_RANK));
                    case "data_offsets" -> offsets = once(parser, name, offsets, numbers(parser, 2));
                    default ->
                        throw malformed(
                                parser,
                                "tensor " + MappedFile.quoted(name) + " has an unknown field "
                                        + MappedFile.quoted(key));
                }
            }
            if (type == null || shape == null || offsets == null || offsets.size() != 2) {
                throw malformed(
                        parser, "tensor " + MappedFile.quoted(name) + " needs dtype, shape and two data_offsets");
            }
            StoredTensor tensor = tensor(parser, name, type, shape, offsets.get(0), offsets.get(1));
            if (tensors.put(name, tensor) != null) {
                throw malformed(parser, "the tensor name " + MappedFile.quoted(name) + " occurs twice");
            }
        }

        private StoredTensor tensor(JsonParser parser, String name, String type, List<Long> shape, long begin, long end)
                throws ModelFormatException {
            if (begin > end || end > dataSize) {
                throw malformed(
                        parser,
                        "tensor " + MappedFile.quoted(name) + " claims the bytes " + begin + " to " + end
                                + " of a data part of " + dataSize);
            }
            Integer bits = BITS.get(type);
            if (bits != null && !holds(shape, bits, end - begin)) {
                throw malformed(
                        parser,
                        "tensor " + MappedFile.quoted(name) + " of shape " + shape + " in " + type + " does not take "
                                + (end - begin) + " bytes");
            }
            spans.add(new Span(name, dataStart + begin, dataStart + end));
            MemorySegment data = bits == null ? null : file.bytes().asSlice(dataStart + begin, end - begin);
            return new StoredTensor(file.path(), name, type, shape, dataStart + begin, data);
        }

        private static boolean holds(List<Long> shape, int bits, long bytes) {
            if (shape.contains(0L)) {
                return bytes == 0;
            }
            long size = bits / 8;
            for (long dimension : shape) {
                // The quotient stays exact as long as the product divides the bytes; no product can overflow.
                if (dimension > bytes / size) {
                    return false;
                }
                size *= dimension;
            }
            return size == bytes;
        }

        private List<Long> numbers(JsonParser parser, int limit) throws ModelFormatException {
            require(parser, JsonToken.START_ARRAY);
            List<Long> numbers = new ArrayList<>(4);
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                require(parser, JsonToken.VALUE_NUMBER_INT);
                if (parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER || parser.getLongValue() < 0) {
                    throw malformed(parser, "a size or an offset is negative or too large");
                }
                if (numbers.size() == limit) {
                    throw malformed(parser, "there are more than " + limit + " numbers in one list");
                }
                numbers.add(parser.getLongValue());
            }
            return numbers;
        }

        private <T> T once(JsonParser parser, String name, T before, T now) throws ModelFormatException {
            if (before != null) {
                throw malformed(parser, "tensor " + MappedFile.quoted(name) + " says the same thing twice");
            }
            return now;
        }

        private void requireNoGaps() throws ModelFormatException {
            spans.sort(Comparator.comparingLong(Span::begin).thenComparingLong(Span::end));
            long end = dataStart;
            for (Span span : spans) {
                if (span.begin != end) {
                    throw file.malformed(
                            span.begin,
                            "tensor " + MappedFile.quoted(span.name)
                                    + (span.begin < end
                                            ? " overlaps the tensor before it"
                                            : " leaves " + (span.begin - end) + " unused bytes before it"));
                }
                end = span.end;
            }
            if (end != file.size()) {
                throw file.malformed(end, (file.size() - end) + " bytes follow the last tensor");
            }
        }

        private void require(JsonParser parser, JsonToken token) throws ModelFormatException {
            if (parser.currentToken() != token) {
                throw malformed(parser, "the header has " + parser.currentToken() + " where " + token + " belongs");
            }
        }

        private ModelFormatException malformed(JsonParser parser, String reason) {
            int characters = (int) Math.max(0, parser.currentTokenLocation().getCharOffset());
            int place = json.substring(0, characters).getBytes(StandardCharsets.UTF_8).length;
            return file.malformed(LENGTH_BYTES + place, reason);
        }

        /** Where a tensor's bytes lie in the file. */
        private record Span(String name, long begin, long end) {}
    }
}
