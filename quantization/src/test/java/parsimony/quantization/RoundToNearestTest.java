package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class RoundToNearestTest extends TechniqueContract<RoundToNearest.Options> {
    private static final JsonNode OFFICIAL = read();

    private final TechniqueContext exact =
            TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    @Override
    protected Technique<RoundToNearest.Options> technique() {
        return new RoundToNearest();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "bits=9", "group=0", "group=-2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"4_-1", "4_16", "3_-1", "3_16"})
    void givesTheWeightsOfTheOfficialBaseline(String bitsAndGroup) {
        Tensor expected = matrix(OFFICIAL.get("roundToNearest").get(bitsAndGroup));
        assertThat(run(options(bitsAndGroup), exact).result().decode().array()).containsExactly(expected.array());
    }

    @ParameterizedTest
    @ValueSource(strings = {"4_-1", "4_16", "3_-1", "3_16", "4_-1_symmetric"})
    void losesWhatTheOfficialBaselineLoses(String bitsAndGroup) {
        double expected = OFFICIAL.get("errors").get(bitsAndGroup).asDouble();
        assertThat(run(options(bitsAndGroup), exact).error()).isCloseTo(expected, within(1e-6 * expected));
    }

    @ParameterizedTest
    @CsvSource({"'bits=4,group=32', 4.625", "'bits=4,group=32,symmetric=true', 4.5", "'bits=3', 3.296875"})
    void countsScalesAndZeroPoints(String options, double bitsPerWeight) {
        // 64 inputs and 48 outputs: a group of 32 adds 16 bits of scale and 4 of zero point, a row 16 and 3.
        assertThat(run(options, TechniqueContext.of(new ScalarBackend())).bitsPerWeight())
                .isEqualTo(bitsPerWeight);
    }

    @Test
    void scalesInSixteenBitsCostLittle() {
        double before = run("group=16", exact).error();
        double after = run("group=16", exact.withScaleType(DataType.F16)).error();
        assertThat(after).isCloseTo(before, within(0.02 * before));
    }

    @Test
    void aGroupLongerThanTheRowIsTheRow() {
        GridStorage result = (GridStorage) run("group=1000", exact).result();
        assertThat(result.groupSize()).isEqualTo(64);
        assertThat(result.groups()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource({
        "'rtn:bits=3,group=16', 'rtn:bits=3,group=16'",
        "'dense:type=f16+rtn:symmetric=true', 'rtn:symmetric=true'",
        "'rtn:bits=3+dense', ''"
    })
    void isTheBaselineOfWhateverHasBits(String spec, String baseline) {
        assertThat(TechniqueSpec.parse(spec)
                        .roundToNearest()
                        .map(TechniqueSpec::toString)
                        .orElse(""))
                .isEqualTo(baseline);
    }

    private static MatrixTrial run(String options, TechniqueContext context) {
        return MatrixTrial.run(
                TechniqueSpec.parse("rtn:" + options),
                "weight",
                new TensorStorage(matrix(OFFICIAL.get("weights"))),
                matrix(OFFICIAL.get("inputs")),
                context);
    }

    /** {@code 4_16_symmetric} as options. */
    private static String options(String official) {
        String[] parts = official.split("_", -1);
        return "bits=" + parts[0] + ",group=" + parts[1] + ",symmetric=" + (parts.length == 3);
    }

    private static Tensor matrix(JsonNode rows) {
        int columns = rows.get(0).size();
        Tensor matrix = Tensor.zeros(rows.size(), columns);
        for (int i = 0; i < matrix.size(); i++) {
            matrix.array()[i] = (float) rows.get(i / columns).get(i % columns).asDouble();
        }
        return matrix;
    }

    private static JsonNode read() {
        try (InputStream file = RoundToNearestTest.class.getResourceAsStream("gptq.json.gz")) {
            return new ObjectMapper().readTree(new GZIPInputStream(file));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
