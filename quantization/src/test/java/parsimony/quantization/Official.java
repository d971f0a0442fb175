package parsimony.quantization;

import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Numbers that the papers' own code computes, most of them from one matrix and its inputs. */
final class Official {
    private static final JsonNode GPTQ = read("gptq");

    private Official() {}

    /** One of the files, such as {@code gptq}. */
    static JsonNode read(String name) {
        try (InputStream file = Official.class.getResourceAsStream(name + ".json.gz")) {
            return new ObjectMapper().readTree(new GZIPInputStream(file));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** W [48, 64]. */
    static Tensor weights() {
        return matrix(GPTQ.get("weights"));
    }

    /** X [256, 64]. */
    static Tensor inputs() {
        return matrix(GPTQ.get("inputs"));
    }

    /** X with two inputs that are always 0. */
    static Tensor inputsWithDeadColumns() {
        Tensor inputs = inputs();
        for (JsonNode column : GPTQ.get("deadColumns")) {
            clearColumn(inputs, column.asInt());
        }
        return inputs;
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

    /** What a technique makes of W when it sees {@code inputs}. */
    static MatrixTrial run(String spec, Tensor inputs, TechniqueContext context) {
        return MatrixTrial.run(TechniqueSpec.parse(spec), "weight", new TensorStorage(weights()), inputs, context);
    }

    /** The positions [row, column] at which two matrices differ by more than {@code tolerance}. */
    static List<List<Integer>> differences(Tensor a, Tensor b, double tolerance) {
        List<List<Integer>> positions = new ArrayList<>();
        for (int i = 0; i < a.size(); i++) {
            if (!(Math.abs((double) a.array()[i] - b.array()[i]) <= tolerance)) {
                positions.add(List.of(i / a.columns(), i % a.columns()));
            }
        }
        return positions;
    }

    /** Sets a column to zero. */
    static void clearColumn(Tensor matrix, int column) {
        for (int row = 0; row < matrix.rows(); row++) {
            matrix.array()[row * matrix.columns() + column] = 0;
        }
    }
}
