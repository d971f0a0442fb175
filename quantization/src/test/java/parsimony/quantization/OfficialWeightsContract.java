package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;

/** A technique that rounds one input after the other, whose weights and errors are those of its authors' code. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class OfficialWeightsContract<O extends Record> extends TechniqueContract<O> {
    final TechniqueContext exact = TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    /** The options that differ from case to case. */
    abstract List<String> varied();

    /** What else is known of a case. */
    void check(MatrixTrial ours, JsonNode official) {}

    private JsonNode official() {
        return Official.read(technique().name()).get("cases");
    }

    IntStream cases() {
        return IntStream.range(0, official().size());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void givesTheWeightsAndTheErrorOfTheOfficialCode(int index) {
        JsonNode official = official().get(index);
        StringBuilder spec = new StringBuilder(technique().name()).append(":blockSize=32");
        for (String option : varied()) {
            spec.append(',')
                    .append(option)
                    .append('=')
                    .append(official.get(option).asString());
        }
        Tensor inputs = official.path("dead").asBoolean(false) ? Official.inputsWithDeadColumns() : Official.inputs();
        MatrixTrial ours = Official.run(spec.toString(), inputs, exact);
        double error = official.get("error").asDouble();
        assertThat(ours.error()).as(spec.toString()).isCloseTo(error, within(1e-4 * error));
        assertThat(Official.differences(ours.result().decode(), Official.matrix(official.get("weights")), 1e-6))
                .as(spec.toString())
                .isEmpty();
        check(ours, official);
    }
}
