package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.LowRankStorage;
import parsimony.core.tensor.Tensor;

class SvdTest extends TechniqueContract<Svd.Options> {
    private final Tensor weights = Official.weights();
    private final Tensor inputs = Official.inputs(false);

    @Override
    protected Technique<Svd.Options> technique() {
        return new Svd();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("ratio=1", "ratio=-0.5", "rank=0", "type=int8");
    }

    /** A product of thin matrices has no zeros to keep. */
    @Override
    protected boolean keepsZeros() {
        return false;
    }

    /** Σ of the squared singular values from number {@code rank} on. */
    private static double rest(double[][] matrix, int rank) {
        SingularValueDecomposition_F64<DMatrixRMaj> svd =
                DecompositionFactory_DDRM.svd(matrix.length, matrix[0].length, false, false, true);
        svd.decompose(new DMatrixRMaj(matrix));
        double[] values = svd.getSingularValues().clone();
        Arrays.sort(values);
        double sum = 0;
        for (int i = 0; i < values.length - rank; i++) {
            sum += values[i] * values[i];
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 20, 27})
    void plainIsTheNearestMatrixOfItsRank(int rank) {
        Tensor result = Official.run("svd:weighted=false,type=f32,rank=" + rank, weights, inputs)
                .result()
                .decode();
        double distance = 0;
        double[][] w = new double[48][64];
        for (int i = 0; i < result.size(); i++) {
            w[i / 64][i % 64] = weights.array()[i];
            double difference = (double) weights.array()[i] - result.array()[i];
            distance += difference * difference;
        }
        double least = rest(w, rank);
        assertThat(distance).isCloseTo(least, within(1e-4 * least));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 5, 20, 27})
    void weightedHasTheNearestOutputs(int rank) {
        double[][] outputs = new double[256][48];
        for (int n = 0; n < 256; n++) {
            for (int row = 0; row < 48; row++) {
                for (int i = 0; i < 64; i++) {
                    outputs[n][row] += (double) inputs.array()[n * 64 + i] * weights.array()[row * 64 + i];
                }
            }
        }
        double least = rest(outputs, rank);
        MatrixTrial trial = Official.run("svd:type=f32,rank=" + rank, weights, inputs);
        assertThat(trial.error()).isCloseTo(least, within(1e-4 * least));
        MatrixTrial plain = Official.run("svd:weighted=false,type=f32,rank=" + rank, weights, inputs);
        assertThat(trial.error()).isLessThan(plain.error());
    }

    @Test
    void theRatioIsWhatIsSaved() {
        MatrixTrial trial = Official.run("svd:ratio=0.4", weights, inputs);
        // 0.6 · 48 · 64 / (48 + 64) = 16.46
        assertThat(((LowRankStorage) trial.result()).rank()).isEqualTo(16);
        assertThat(trial.bitsPerWeight()).isCloseTo(16 * 16 * (48 + 64) / (48.0 * 64), within(1e-9));
    }

    @Test
    void aRankThatSavesNothingLeavesTheMatrixDense() {
        assertThat(Official.run("svd:rank=28", weights, inputs).result()).isInstanceOf(DenseStorage.class);
        assertThat(Official.run("svd:rank=27", weights, inputs).result()).isInstanceOf(LowRankStorage.class);
    }

    @Test
    void survivesZeros() {
        assertThat(Official.run("svd:rank=3", Tensor.zeros(48, 64), inputs).error())
                .isZero();
        assertThat(Official.run("svd:rank=3", weights, Tensor.zeros(20, 64)).error())
                .isZero();
        assertThat(Official.run("svd:rank=3", weights, Official.inputs(true)).error())
                .isFinite();
    }
}
