package parsimony.quantization;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Numbers that the papers' own code computes. */
final class Fixtures {
    private Fixtures() {}

    static JsonNode read(String name) {
        try (InputStream file = Fixtures.class.getResourceAsStream(name + ".json.gz")) {
            return new ObjectMapper().readTree(new GZIPInputStream(file));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static Tensor matrix(JsonNode rows) {
        int columns = rows.get(0).size();
        Tensor matrix = Tensor.zeros(rows.size(), columns);
        for (int i = 0; i < matrix.size(); i++) {
            matrix.array()[i] = (float) rows.get(i / columns).get(i % columns).asDouble();
        }
        return matrix;
    }

    static double[] vector(JsonNode numbers) {
        return numbers.valueStream().mapToDouble(JsonNode::asDouble).toArray();
    }

    /** ‖XWᵀ − XQᵀ‖²_F. */
    static double error(Tensor weight, Tensor quantized, Tensor inputs) {
        double sum = 0;
        for (int n = 0; n < inputs.rows(); n++) {
            for (int row = 0; row < weight.rows(); row++) {
                double difference = 0;
                for (int i = 0; i < weight.columns(); i++) {
                    double lost = (double) weight.matrix().get(row, i)
                            - quantized.matrix().get(row, i);
                    difference += lost * inputs.matrix().get(n, i);
                }
                sum += difference * difference;
            }
        }
        return sum;
    }
}
