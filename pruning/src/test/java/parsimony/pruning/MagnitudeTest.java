package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import tools.jackson.databind.JsonNode;

class MagnitudeTest extends PruningContract<Magnitude.Options> {
    @Override
    protected Technique<Magnitude.Options> technique() {
        return new Magnitude();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of(
                "sparsity=1", "sparsity=-0.1", "pattern=4:2", "pattern=2", "pattern=0:4", "pattern=1:65", "type=int8");
    }

    @ParameterizedTest
    @CsvSource({"magnitude_50, sparsity=0.5", "magnitude_30, sparsity=0.3", "magnitude_2_4, pattern=2:4"})
    void prunesWhatTheOfficialCodePrunes(String official, String options) {
        JsonNode expected = Official.NUMBERS.get("masks").get(official);
        MatrixTrial trial = Official.run("magnitude:type=f32," + options, Official.weights(), Official.inputs(false));
        assertThat(Official.mask(trial.result().decode())).isEqualTo(Official.strings(expected.get("mask")));
        assertThat(trial.zeros()).isEqualTo(expected.get("zeros").asLong());
        double error = expected.get("error").asDouble();
        assertThat(trial.error()).isCloseTo(error, within(1e-6 * error));
    }

    @ParameterizedTest
    @CsvSource({"magnitude_50, sparsity=0.5", "magnitude_2_4, pattern=2:4"})
    void breaksTiesAsTheOfficialCode(String official, String options) {
        JsonNode ties = Official.NUMBERS.get("ties");
        MatrixTrial trial = Official.run(
                "magnitude:" + options, Official.matrix(ties.get("weights")), Official.matrix(ties.get("inputs")));
        assertThat(Official.mask(trial.result().decode()))
                .isEqualTo(Official.strings(ties.get("masks").get(official)));
    }
}
