package parsimony.lora;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Numbers computed by the papers' own code (microsoft/LoRA, QingruZhang/AdaLoRA, bitsandbytes). */
final class Official {
    static final JsonNode NUMBERS = read();

    private Official() {}

    private static JsonNode read() {
        try (InputStream in = new GZIPInputStream(Official.class.getResourceAsStream("official.json.gz"))) {
            return JsonMapper.shared().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Nested arrays as a tensor of their shape. */
    static Tensor tensor(JsonNode array) {
        int[] shape = Stream.iterate(array, JsonNode::isArray, inner -> inner.get(0))
                .mapToInt(JsonNode::size)
                .toArray();
        return Tensor.of(floats(array), shape);
    }

    static float[] floats(JsonNode array) {
        double[] numbers = numbers(array).toArray();
        float[] floats = new float[numbers.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) numbers[i];
        }
        return floats;
    }

    private static DoubleStream numbers(JsonNode node) {
        return node.isArray()
                ? node.valueStream().flatMapToDouble(Official::numbers)
                : DoubleStream.of(node.doubleValue());
    }
}
