package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import tools.jackson.databind.JsonNode;

class WandaTest extends PruningContract<Wanda.Options> {
    @Override
    protected Technique<Wanda.Options> technique() {
        return new Wanda();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("sparsity=1", "pattern=8:4", "variant=true,pattern=2:4", "type=none");
    }

    @ParameterizedTest
    @CsvSource({
        "wanda_50, sparsity=0.5, false",
        "wanda_30, sparsity=0.3, false",
        "wanda_2_4, pattern=2:4, false",
        "wanda_4_8, pattern=4:8, false",
        "wanda_variant_50, variant=true, false",
        "wanda_50_dead, sparsity=0.5, true"
    })
    void prunesWhatTheOfficialCodePrunes(String official, String options, boolean dead) {
        JsonNode expected = Official.NUMBERS.get("masks").get(official);
        MatrixTrial trial = Official.run("wanda:type=f32," + options, Official.weights(), Official.inputs(dead));
        assertThat(Official.mask(trial.result().decode())).isEqualTo(Official.strings(expected.get("mask")));
        assertThat(trial.zeros()).isEqualTo(expected.get("zeros").asLong());
        double error = expected.get("error").asDouble();
        assertThat(trial.error()).isCloseTo(error, within(1e-6 * error));
    }

    @ParameterizedTest
    @CsvSource({"wanda_50, sparsity=0.5", "wanda_2_4, pattern=2:4"})
    void breaksTiesAsTheOfficialCode(String official, String options) {
        JsonNode ties = Official.NUMBERS.get("ties");
        MatrixTrial trial = Official.run(
                "wanda:" + options, Official.matrix(ties.get("weights")), Official.matrix(ties.get("inputs")));
        assertThat(Official.mask(trial.result().decode()))
                .isEqualTo(Official.strings(ties.get("masks").get(official)));
    }

    @Test
    void theVariantReachesSparsitiesBeyondTheOfficialShare() {
        MatrixTrial trial =
                Official.run("wanda:variant=true,sparsity=0.97", Official.weights(), Official.inputs(false));
        assertThat(trial.zeros() / (48.0 * 64)).isCloseTo(0.97, within(0.005));
    }
}
