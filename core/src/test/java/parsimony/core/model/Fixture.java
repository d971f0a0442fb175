package parsimony.core.model;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Numbers of reference implementations, from this package's test resources. */
final class Fixture {
    private Fixture() {}

    static JsonNode read(String name) {
        try (InputStream in = Fixture.class.getResourceAsStream(name)) {
            return JsonMapper.shared().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The numbers of nested arrays, row-major. */
    static float[] floats(JsonNode array) {
        double[] numbers = numbers(array).toArray();
        float[] floats = new float[numbers.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) numbers[i];
        }
        return floats;
    }

    /** The sizes of nested arrays, outermost first. */
    static int[] shape(JsonNode array) {
        return Stream.iterate(array, JsonNode::isArray, inner -> inner.get(0))
                .mapToInt(JsonNode::size)
                .toArray();
    }

    private static DoubleStream numbers(JsonNode node) {
        return node.isArray()
                ? node.valueStream().flatMapToDouble(Fixture::numbers)
                : DoubleStream.of(node.doubleValue());
    }
}
