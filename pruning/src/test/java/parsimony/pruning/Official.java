package parsimony.pruning;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.GZIPInputStream;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** Numbers that the code of SparseGPT and Wanda computes, from one matrix and its inputs. */
final class Official {
    static final JsonNode NUMBERS = read();

    /** Scales without rounding. */
    static final TechniqueContext EXACT =
            TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    private Official() {}

    private static JsonNode read() {
        try (InputStream file = Official.class.getResourceAsStream("official.json.gz")) {
            return new ObjectMapper().readTree(new GZIPInputStream(file));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** W [48, 64]. */
    static Tensor weights() {
        return matrix(NUMBERS.get("weights"));
    }

    /** X [256, 64]; if {@code dead}, with two inputs that are always 0. */
    static Tensor inputs(boolean dead) {
        Tensor inputs = matrix(NUMBERS.get("inputs"));
        for (JsonNode column : NUMBERS.get("deadColumns")) {
            for (int row = 0; dead && row < inputs.rows(); row++) {
                inputs.array()[row * inputs.columns() + column.asInt()] = 0;
            }
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

    static MatrixTrial run(String spec, Tensor weights, Tensor inputs) {
        return MatrixTrial.run(TechniqueSpec.parse(spec), "weight", new TensorStorage(weights), inputs, EXACT);
    }

    /** A 1 for each weight that is zero, row by row. */
    static String[] mask(Tensor weights) {
        String[] mask = new String[weights.rows()];
        for (int row = 0; row < mask.length; row++) {
            StringBuilder bits = new StringBuilder();
            for (int i = 0; i < weights.columns(); i++) {
                bits.append(weights.array()[row * weights.columns() + i] == 0 ? '1' : '0');
            }
            mask[row] = bits.toString();
        }
        return mask;
    }

    static String[] strings(JsonNode list) {
        String[] strings = new String[list.size()];
        for (int i = 0; i < strings.length; i++) {
            strings[i] = list.get(i).asString();
        }
        return strings;
    }
}
