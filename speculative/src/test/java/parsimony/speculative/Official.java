package parsimony.speculative;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Numbers that the papers' code computed. */
final class Official {
    private Official() {}

    static JsonNode read(String name) {
        try (InputStream in = Official.class.getResourceAsStream(name)) {
            return JsonMapper.shared().readTree(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static float[] floats(JsonNode array) {
        float[] floats = new float[array.size()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) array.get(i).doubleValue();
        }
        return floats;
    }

    static float[][] table(JsonNode rows) {
        return rows.valueStream().map(Official::floats).toArray(float[][]::new);
    }

    static int[] integers(JsonNode array) {
        return array.valueStream().mapToInt(JsonNode::intValue).toArray();
    }
}
