package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class LlmInt8Test extends TechniqueContract<LlmInt8.Options> {
    private static final int ROWS = 24;
    private static final int COLUMNS = 40;
    private static final int TOKENS = 16;

    private final Backend backend = new ScalarBackend();
    private final TechniqueContext exact = TechniqueContext.of(backend).withScaleType(DataType.F32);
    private final SplittableRandom random = new SplittableRandom(1);
    private final Tensor weight = gaussian(ROWS, COLUMNS, 0.1);
    private final Tensor inputs = gaussian(TOKENS, COLUMNS, 1);

    @Override
    protected Technique<LlmInt8.Options> technique() {
        return new LlmInt8();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("threshold=0", "threshold=-1", "threshold=none");
    }

    /** The paper's Eq. 8, in double precision: features that reach the threshold in 16 bits, all others as integers. */
    @ParameterizedTest
    @ValueSource(doubles = {6, Double.POSITIVE_INFINITY})
    void isTheSumOfAnExactAndAnIntegerProduct(double threshold) {
        for (int n = 0; n < TOKENS; n++) {
            inputs.array()[n * COLUMNS + 3] = 20 + n;
            inputs.array()[n * COLUMNS + 31] = -60 - n;
        }
        WeightStorage result = run("threshold=" + (threshold == 6 ? "6" : "inf"), weight, inputs)
                .result();
        Tensor outputs = Tensor.zeros(TOKENS, ROWS);
        backend.prepare(result).multiply(inputs, outputs);
        for (int n = 0; n < TOKENS; n++) {
            for (int row = 0; row < ROWS; row++) {
                double inputScale = 0;
                double weightScale = 0;
                List<Integer> integers = new ArrayList<>();
                double expected = 0;
                for (int i = 0; i < COLUMNS; i++) {
                    double x = inputs.matrix().get(n, i);
                    double w = weight.matrix().get(row, i);
                    if (Math.abs(x) >= threshold) {
                        expected += x * DataType.F16.round((float) w);
                    } else {
                        integers.add(i);
                        inputScale = Math.max(inputScale, Math.abs(x) / 127);
                        weightScale = Math.max(weightScale, Math.abs(w) / 127);
                    }
                }
                long product = 0;
                for (int i : integers) {
                    product += Math.round(inputs.matrix().get(n, i) / inputScale)
                            * Math.round(weight.matrix().get(row, i) / weightScale);
                }
                expected += inputScale * weightScale * product;
                assertThat((double) outputs.matrix().get(n, row))
                        .as("output %d of token %d", row, n)
                        .isCloseTo(expected, within(2e-5));
            }
        }
    }

    @Test
    void countsTheOutliersItKeeps() {
        assertThat(run("threshold=6", weight, inputs).outliers()).isEqualTo(OptionalLong.empty());
        inputs.array()[5 * COLUMNS + 7] = -6;
        inputs.array()[6 * COLUMNS + 8] = 5.99f;
        MatrixTrial trial = run("threshold=6", weight, inputs);
        assertThat(trial.outliers()).isEqualTo(OptionalLong.of(ROWS));
        // A scale for each row, a column of 16 bits and its number.
        assertThat(trial.result().bytes()).isEqualTo(ROWS * COLUMNS + 4 * ROWS + 2 * ROWS + 2);
        assertThat(run("threshold=inf", weight, inputs).outliers()).isEqualTo(OptionalLong.empty());
    }

    @Test
    void anOutlierThatCalibrationDidNotSeeStaysExactAtRunTime() {
        WeightStorage result = run("threshold=6", weight, inputs).result();
        Tensor before = Tensor.zeros(TOKENS, ROWS);
        backend.prepare(result).multiply(inputs, before);
        Tensor larger = inputs.copy();
        larger.array()[0] = 1000;
        Tensor after = Tensor.zeros(TOKENS, ROWS);
        backend.prepare(result).multiply(larger, after);
        Tensor integers = result.decode();
        float scale = 0;
        for (int i = 0; i < COLUMNS; i++) {
            scale = Math.max(scale, Math.abs(inputs.array()[i]) / 127);
        }
        float rounded = scale * Math.round(inputs.array()[0] / scale);
        for (int row = 0; row < ROWS; row++) {
            float expected =
                    before.array()[row] + (1000 - rounded) * integers.matrix().get(row, 0);
            assertThat(after.array()[row]).isCloseTo(expected, within(1e-3f));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"threshold=6", "threshold=inf", "threshold=1e-50"})
    void survivesHostileNumbers(String options) {
        for (int i = 0; i < COLUMNS; i++) {
            weight.array()[3 * COLUMNS + i] = 0;
        }
        for (int row = 0; row < ROWS; row++) {
            weight.array()[row * COLUMNS + 7] = 0;
        }
        weight.array()[5] = 1e6f;
        inputs.array()[5] = 10;
        for (int n = 0; n < TOKENS; n++) {
            inputs.array()[n * COLUMNS + 9] = 0;
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
        for (float x : new float[] {0, 2, 7}) {
            Tensor input = Tensor.of(new float[] {x}, 1, 1);
            assertThat(run(options, one, input).error()).isLessThan(1e-6);
        }
    }

    private Tensor gaussian(int rows, int columns, double deviation) {
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian(0, deviation);
        }
        return tensor;
    }

    private MatrixTrial run(String options, Tensor weight, Tensor inputs) {
        return run(options, weight, inputs, exact);
    }

    private static MatrixTrial run(String options, Tensor weight, Tensor inputs, TechniqueContext context) {
        return MatrixTrial.run(
                TechniqueSpec.parse("llm-int8:" + options), "weight", new TensorStorage(weight), inputs, context);
    }
}
