package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;

class GptqTest extends TechniqueContract<Gptq.Options> {
    private static final JsonNode OFFICIAL = Official.read("gptq");

    private final TechniqueContext exact =
            TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    @Override
    protected Technique<Gptq.Options> technique() {
        return new Gptq();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "bits=9", "group=0", "blockSize=0", "damping=-0.1", "damping=inf");
    }

    static IntStream cases() {
        return IntStream.range(0, OFFICIAL.get("cases").size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void givesTheWeightsAndTheErrorOfTheOfficialCode(int index) {
        JsonNode official = OFFICIAL.get("cases").get(index);
        Tensor inputs = official.get("dead").asBoolean() ? Official.inputsWithDeadColumns() : Official.inputs();
        MatrixTrial ours = Official.run(spec(official), inputs, exact);
        double error = official.get("error").asDouble();
        assertThat(ours.error()).as(spec(official)).isCloseTo(error, within(1e-4 * error));
        assertThat(Official.differences(ours.result().decode(), Official.matrix(official.get("weights")), 1e-6))
                .as(spec(official))
                .isEmpty();
    }

    private static String spec(JsonNode official) {
        StringBuilder spec = new StringBuilder("gptq:blockSize=32");
        for (String option : List.of("bits", "group", "symmetric", "actOrder", "staticGroups", "mse")) {
            spec.append(',')
                    .append(option)
                    .append('=')
                    .append(official.get(option).asString());
        }
        return spec.toString();
    }
}
