package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.SumStorage;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;

class SpqrTest extends OfficialWeightsContract<Spqr.Options> {
    @Override
    protected Technique<Spqr.Options> technique() {
        return new Spqr();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of(
                "bits=1",
                "group=0",
                "outlierThreshold=-1",
                "scaleBits=1",
                "zeroBits=9",
                "scaleGroup=0",
                "blockSize=0",
                "damping=-1");
    }

    @Override
    List<String> varied() {
        return List.of("bits", "group", "outlierThreshold", "simplifiedOutliers", "scaleBits", "zeroBits", "actOrder");
    }

    @Override
    void check(MatrixTrial ours, JsonNode official) {
        if (ours.result() instanceof SumStorage(WeightStorage grid, SparseStorage outliers)) {
            float[] kept = outliers.decode().array();
            float[] expected = Official.matrix(official.get("outliers")).array();
            for (int i = 0; i < kept.length; i++) {
                assertThat(kept[i] != 0).as("whether %d is an outlier", i).isEqualTo(expected[i] != 0);
            }
            assertThat(ours.outliers()).hasValue(outliers.start(48));
            assertThat(grid.bitsPerWeight()).isLessThan(ours.bitsPerWeight());
        } else {
            assertThat(official.get("outlierThreshold").asString()).isEqualTo("inf");
        }
    }

    /** The paper's average (Section 4.3), and 32 bits a row to find its outliers. */
    @Test
    void keepsAsManyBitsAsThePaperCounts() {
        MatrixTrial trial = Official.run("spqr:bits=3", Official.inputs(), TechniqueContext.of(new ScalarBackend()));
        double outliers = trial.outliers().orElseThrow();
        assertThat(outliers).isPositive();
        double paper = 3 + (3 + 3) / 16.0 + 64 / (16.0 * 16) + 32 * outliers / (48 * 64);
        assertThat(trial.bitsPerWeight()).isEqualTo(paper + 32.0 * 49 / (48 * 64));
    }

    @Test
    void everythingCanBeSwitchedOff() {
        MatrixTrial plain = Official.run(
                "spqr:outlierThreshold=inf,scaleBits=none,zeroBits=none",
                Official.inputs(),
                TechniqueContext.of(new ScalarBackend()));
        assertThat(plain.outliers()).isEmpty();
        assertThat(plain.bitsPerWeight()).isEqualTo(4 + 32 / 16.0);
    }
}
