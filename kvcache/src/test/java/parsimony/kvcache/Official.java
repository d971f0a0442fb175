package parsimony.kvcache;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What the papers' own code keeps (FMInference/H2O, mit-han-lab/streaming-llm). */
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

    static int[] integers(JsonNode array) {
        return array.valueStream().mapToInt(JsonNode::intValue).toArray();
    }

    static double[] numbers(JsonNode array) {
        return array.valueStream().mapToDouble(JsonNode::doubleValue).toArray();
    }
}
