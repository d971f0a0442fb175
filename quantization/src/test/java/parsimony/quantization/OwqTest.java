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
import tools.jackson.databind.JsonNode;

class OwqTest extends TechniqueContract<Owq.Options> {
    private static final JsonNode OFFICIAL = Official.read("owq");

    private final TechniqueContext exact =
            TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    @Override
    protected Technique<Owq.Options> technique() {
        return new Owq();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "group=0", "outliers=-1", "sensitivity=none", "blockSize=0", "damping=-1");
    }

    static IntStream cases() {
        return IntStream.range(0, OFFICIAL.get("cases").size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void givesTheWeightsAndTheErrorOfTheOfficialCode(int index) {
        JsonNode official = OFFICIAL.get("cases").get(index);
        StringBuilder spec = new StringBuilder("owq:blockSize=32");
        for (String option : List.of("bits", "group", "outliers", "actOrder", "mse")) {
            spec.append(',')
                    .append(option)
                    .append('=')
                    .append(official.get(option).asString());
        }
        MatrixTrial ours = Official.run(spec.toString(), Official.inputs(), exact);
        double error = official.get("error").asDouble();
        assertThat(ours.error()).as(spec.toString()).isCloseTo(error, within(1e-4 * error));
        assertThat(Official.differences(ours.result().decode(), Official.matrix(official.get("weights")), 1e-6))
                .as(spec.toString())
                .isEmpty();
        assertThat(ours.outliers()).hasValue(48 * official.get("outliers").asLong());
    }
}
