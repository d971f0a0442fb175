package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

/** Matrices and inputs on which a formula divides by zero, overflows or runs out of rows: every method must come through and not make things worse. */
class HostileMatricesTest {
    private static final String GPTQ = "gptq:bits=3,group=8";
    private static final String ORDERED = "gptq:bits=3,group=8,actOrder=true,mse=true,symmetric=true";
    private static final String OWQ = "owq:bits=3,group=8,outliers=2";
    private static final String SPQR = "spqr:bits=3,group=8,actOrder=true";
    private static final String PLAIN_SPQR =
            "spqr:bits=3,group=-1,scaleBits=none,zeroBits=none,simplifiedOutliers=true";
    private static final String QUIP = "quip:bits=3,greedyPasses=2";
    private static final String HADAMARD = "quip:bits=3,hadamard=true";

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void rowsColumnsAndInputsOfZeros(String spec) {
        Tensor weights = normal(12, 20, 1);
        Tensor inputs = normal(50, 20, 2);
        Arrays.fill(weights.array(), 3 * 20, 4 * 20, 0);
        Official.clearColumn(weights, 5);
        Official.clearColumn(inputs, 7);
        check(spec, weights, inputs, 0.5);
    }

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void nothingButZeros(String spec) {
        assertThat(check(spec, Tensor.zeros(5, 9), normal(30, 9, 3), 1).error()).isLessThan(1e-20);
        assertThat(check(spec, normal(5, 9, 4), Tensor.zeros(30, 9), 1).error()).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void oneHugeWeight(String spec) {
        for (float huge : new float[] {1e3f, -1e5f, 1e6f}) {
            Tensor weights = normal(12, 20, 5);
            weights.array()[47] = huge;
            // A grid of 16-bit scales ends before the last one.
            check(spec, weights, normal(50, 20, 6), Math.abs(huge) > 4 * 65504 ? 1 : 0.5);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void oneHugeInput(String spec) {
        Tensor inputs = normal(50, 20, 7);
        for (int row = 0; row < 50; row++) {
            inputs.array()[row * 20 + 11] *= 1e5f;
        }
        check(spec, normal(12, 20, 8), inputs, 0.5);
    }

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void tinyAndAlikeWeights(String spec) {
        Tensor tiny = normal(12, 20, 9);
        for (int i = 0; i < tiny.size(); i++) {
            tiny.array()[i] *= 1e-6f;
        }
        check(spec, tiny, normal(50, 20, 10), 1);
        Tensor alike = Tensor.zeros(12, 20);
        Arrays.fill(alike.array(), -0.7f);
        check(spec, alike, normal(50, 20, 11), 0.5);
    }

    @ParameterizedTest
    @ValueSource(strings = {GPTQ, ORDERED, OWQ, SPQR, PLAIN_SPQR, QUIP, HADAMARD})
    void oneRowOneColumnAndFewerSamplesThanInputs(String spec) {
        check(spec, normal(1, 20, 12), normal(50, 20, 13), 0.7);
        check(spec, normal(12, 1, 14), normal(50, 1, 15), 0.7);
        check(spec, normal(1, 1, 16), normal(1, 1, 17), 1);
        check(spec, normal(12, 150, 18), normal(3, 150, 19), 0.5);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gptq:bits=3", "owq:bits=3,outliers=0,mse=false", "spqr:bits=3"})
    void aGroupLongerThanTheRowIsTheRow(String spec) {
        MatrixTrial longer = run(spec + ",group=1000", normal(6, 20, 20), normal(50, 20, 21));
        MatrixTrial row = run(spec + ",group=-1", normal(6, 20, 20), normal(50, 20, 21));
        assertThat(longer.result().decode().array())
                .containsExactly(row.result().decode().array());
        assertThat(longer.result().bytes()).isEqualTo(row.result().bytes());
    }

    @ParameterizedTest
    @ValueSource(strings = {"owq:outliers=1000", "owq:outliers=19"})
    void oneInputIsQuantizedAtLeast(String spec) {
        assertThat(check(spec, normal(6, 20, 22), normal(50, 20, 23), 0.1).outliers())
                .hasValue(6 * 19);
    }

    /** Finite, and of the outputs' energy no more than {@code share} is lost. */
    private static MatrixTrial check(String spec, Tensor weights, Tensor inputs, double share) {
        MatrixTrial trial = run(spec, weights, inputs);
        assertThat(trial.error()).as(spec).isLessThanOrEqualTo(share * energy(weights, inputs) + 1e-20);
        for (float weight : trial.result().decode().array()) {
            assertThat(weight).isFinite();
        }
        return trial;
    }

    private static MatrixTrial run(String spec, Tensor weights, Tensor inputs) {
        return MatrixTrial.run(
                TechniqueSpec.parse(spec),
                "weight",
                new TensorStorage(weights),
                inputs,
                TechniqueContext.of(new ScalarBackend()));
    }

    /** ‖XWᵀ‖². */
    private static double energy(Tensor weights, Tensor inputs) {
        double sum = 0;
        int columns = weights.columns();
        for (int n = 0; n < inputs.rows(); n++) {
            for (int row = 0; row < weights.rows(); row++) {
                double y = 0;
                for (int i = 0; i < columns; i++) {
                    y += (double) inputs.array()[n * columns + i] * weights.array()[row * columns + i];
                }
                sum += y * y;
            }
        }
        return sum;
    }

    private static Tensor normal(int rows, int columns, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor matrix = Tensor.zeros(rows, columns);
        for (int i = 0; i < matrix.size(); i++) {
            matrix.array()[i] = (float) random.nextGaussian();
        }
        return matrix;
    }
}
