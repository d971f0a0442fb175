package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;

class SparseGptTest extends PruningContract<SparseGpt.Options> {
    @Override
    protected Technique<SparseGpt.Options> technique() {
        return new SparseGpt();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of(
                "sparsity=1",
                "bits=1",
                "bits=9",
                "blockSize=0",
                "blockSize=6,pattern=2:4",
                "damping=-1",
                "damping=inf",
                "pattern=2-4");
    }

    static IntStream cases() {
        return IntStream.range(0, Official.NUMBERS.get("sparsegpt").size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void givesTheWeightsZerosAndErrorOfTheOfficialCode(int index) {
        JsonNode official = Official.NUMBERS.get("sparsegpt").get(index);
        String spec = spec(official);
        MatrixTrial trial = Official.run(
                spec, Official.weights(), Official.inputs(official.get("dead").asBoolean()));
        Tensor expected = Official.matrix(official.get("weights"));
        Tensor actual = trial.result().decode();
        assertThat(Official.mask(actual)).as(spec).isEqualTo(Official.mask(expected));
        assertThat(trial.zeros()).as(spec).isEqualTo(official.get("zeros").asLong());
        double error = official.get("error").asDouble();
        assertThat(trial.error()).as(spec).isCloseTo(error, within(1e-4 * error));
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.array()[i]).as(spec).isCloseTo(expected.array()[i], within(2e-5f));
        }
    }

    private static String spec(JsonNode official) {
        String sparsity = official.get("pattern").isNull()
                ? "sparsity=" + official.get("sparsity").asString()
                : "pattern=" + official.get("pattern").asString();
        String bits =
                official.get("bits").isNull() ? "none" : official.get("bits").asString();
        return "sparsegpt:type=f32,blockSize=" + official.get("blockSize").asInt() + ",bits=" + bits + "," + sparsity;
    }

    @Test
    void storesOnlyTheCodesThatAreLeft() {
        MatrixTrial trial = Official.run("sparsegpt:pattern=2:4,bits=4", Official.weights(), Official.inputs(false));
        assertThat(trial.result()).isInstanceOf(SparseGridStorage.class);
        // Half of the 4 bits and 1 of the mask; for each of 48 rows of 64 weights 32 bits of start, 32 of scale, 4 of
        // zero point.
        assertThat(trial.bitsPerWeight()).isCloseTo(2 + 1 + (49 * 32 + 48 * 36) / (48 * 64.0), within(1e-9));
    }

    @Test
    void theBandOfOutputsThatChooseTogetherChangesNothing() {
        Tensor all = Official.run("sparsegpt:pattern=2:4,type=f32", Official.weights(), Official.inputs(false))
                .result()
                .decode();
        Tensor three = Tensor.of(Arrays.copyOf(Official.weights().array(), 3 * 64), 3, 64);
        Tensor alone = Official.run("sparsegpt:pattern=2:4,type=f32", three, Official.inputs(false))
                .result()
                .decode();
        assertThat(alone.array()).containsExactly(Arrays.copyOf(all.array(), 3 * 64));
    }
}
