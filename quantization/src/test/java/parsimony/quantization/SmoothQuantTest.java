package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.RoundedInputStorage;
import parsimony.core.tensor.RoundedInputStorage.Range;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;

class SmoothQuantTest extends TechniqueContract<SmoothQuant.Options> {
    private static final JsonNode FIXTURE = Official.read("smoothquant");

    private final Backend backend = new ScalarBackend();
    private final TechniqueContext exact = TechniqueContext.of(backend).withScaleType(DataType.F32);

    @Override
    protected Technique<SmoothQuant.Options> technique() {
        return new SmoothQuant();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("alpha=-0.1", "alpha=1.1", "level=o4", "level=none", "weights=group", "weights=none");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void scalesAndOutputsAreThoseOfTheOfficialCode(int index) {
        JsonNode official = FIXTURE.get("cases").get(index);
        Tensor weight = weights(official);
        Tensor inputs = normed(official);
        MatrixTrial smoothed = run("alpha=" + official.get("alpha"), weight, inputs);
        ScaledInputStorage result = (ScaledInputStorage) smoothed.result();
        double[] scales = Official.vector(official.get("scales"));
        float[] divided = result.scales().decode().array();
        for (int i = 0; i < scales.length; i++) {
            assertThat(1.0 / divided[i]).as("scale " + i).isCloseTo(scales[i], within(1e-6 * scales[i]));
        }

        Tensor outputs = Tensor.zeros(inputs.rows(), weight.rows());
        backend.prepare(result).multiply(inputs, outputs);
        int first = 0;
        for (JsonNode part : official.get("outputs")) {
            Tensor expected = Official.matrix(part);
            for (int n = 0; n < inputs.rows(); n++) {
                for (int i = 0; i < expected.columns(); i++) {
                    assertThat(outputs.matrix().get(n, first + i))
                            .as("output %d of token %d", first + i, n)
                            .isCloseTo(expected.matrix().get(n, i), within(1e-5f));
                }
            }
            first += expected.columns();
        }
        assertThat(first).isEqualTo(weight.rows());

        double after = official.get("errorAfter").asDouble();
        assertThat(smoothed.error()).isCloseTo(after, within(1e-4 * after));
        double before = official.get("errorBefore").asDouble();
        assertThat(run("alpha=none", weight, inputs).error()).isCloseTo(before, within(1e-4 * before));
    }

    /** The three matrices behind the norm as one, [64, 32]: they share their scales and nothing else is shared. */
    private static Tensor weights(JsonNode official) {
        List<Tensor> parts =
                official.get("weights").valueStream().map(Official::matrix).toList();
        Tensor all = Tensor.zeros(
                parts.stream().mapToInt(Tensor::rows).sum(), parts.getFirst().columns());
        int offset = 0;
        for (Tensor part : parts) {
            System.arraycopy(part.array(), 0, all.array(), offset, part.size());
            offset += part.size();
        }
        return all;
    }

    /** What the norm gives; computed in double precision, as the official numbers were. */
    private static Tensor normed(JsonNode official) {
        boolean centred = official.get("norm").asString().equals("layernorm");
        double[] gain = Official.vector(official.get("normWeight"));
        JsonNode rows = official.get("x");
        Tensor normed = Tensor.zeros(rows.size(), gain.length);
        for (int n = 0; n < rows.size(); n++) {
            double[] row = Official.vector(rows.get(n));
            double mean = 0;
            for (double x : row) {
                mean += centred ? x / row.length : 0;
            }
            double variance = 0;
            for (double x : row) {
                variance += (x - mean) * (x - mean) / row.length;
            }
            for (int i = 0; i < row.length; i++) {
                double bias = centred ? official.get("normBias").get(i).asDouble() : 0;
                normed.array()[n * row.length + i] =
                        (float) ((row[i] - mean) / Math.sqrt(variance + 1e-5) * gain[i] + bias);
            }
        }
        return normed;
    }

    @ParameterizedTest
    @CsvSource({"o1, TOKEN", "o2, TENSOR", "o3, FIXED"})
    void aLevelIsWhatInputsShareAScale(String level, Range range) {
        JsonNode official = FIXTURE.get("cases").get(0);
        Tensor inputs = normed(official);
        RoundedInputStorage result = (RoundedInputStorage)
                run("alpha=none,level=" + level, weights(official), inputs).result();
        assertThat(result.range()).isEqualTo(range);
        float largest = 0;
        for (float x : inputs.array()) {
            largest = Math.max(largest, Math.abs(x));
        }
        assertThat(result.scale()).isEqualTo(range == Range.FIXED ? largest / 127 : 0);
    }

    @Test
    void oneScaleForAllWeightsIsThatOfTheLargest() {
        JsonNode official = FIXTURE.get("cases").get(0);
        Tensor weight = weights(official);
        float largest = 0;
        for (float x : weight.array()) {
            largest = Math.max(largest, Math.abs(x));
        }
        WeightStorage result =
                run("alpha=none,weights=tensor", weight, normed(official)).result();
        GridStorage grid = (GridStorage) ((RoundedInputStorage) result).weights();
        for (int row = 0; row < grid.rows(); row++) {
            assertThat(grid.scale(row, 0)).isEqualTo(largest / 127);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"alpha=0.5", "alpha=0", "alpha=1", "level=o3", "level=o2,weights=tensor", "alpha=none"})
    void survivesHostileNumbers(String options) {
        Tensor weight = weights(FIXTURE.get("cases").get(0));
        Tensor inputs = normed(FIXTURE.get("cases").get(0));
        for (int i = 0; i < weight.columns(); i++) {
            weight.array()[3 * weight.columns() + i] = 0;
        }
        for (int row = 0; row < weight.rows(); row++) {
            weight.array()[row * weight.columns() + 7] = 0;
        }
        weight.array()[5] = 1e6f;
        for (int n = 0; n < inputs.rows(); n++) {
            inputs.array()[n * inputs.columns() + 9] = 0;
        }
        for (DataType type : DataType.values()) {
            MatrixTrial trial = run(options, weight, inputs, exact.withScaleType(type));
            assertThat(trial.error()).isFinite();
            float[] decoded = trial.result().decode().array();
            for (int i = 0; i < decoded.length; i++) {
                if (weight.array()[i] == 0) {
                    assertThat(decoded[i]).isZero();
                }
            }
        }
        Tensor one = Tensor.of(new float[] {0.3f}, 1, 1);
        assertThat(run(options, one, Tensor.of(new float[] {2}, 1, 1)).error()).isLessThan(1e-10);
        assertThat(run(options, one, Tensor.zeros(1, 1)).error()).isZero();
        assertThat(run(options, Tensor.zeros(1, 1), Tensor.of(new float[] {2}, 1, 1))
                        .error())
                .isZero();
    }

    private MatrixTrial run(String options, Tensor weight, Tensor inputs) {
        return run(options, weight, inputs, exact);
    }

    private static MatrixTrial run(String options, Tensor weight, Tensor inputs, TechniqueContext context) {
        return MatrixTrial.run(
                TechniqueSpec.parse("smoothquant:" + options), "weight", new TensorStorage(weight), inputs, context);
    }
}
