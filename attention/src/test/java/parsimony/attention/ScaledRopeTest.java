package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.InputStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.PositionEncoding;
import parsimony.core.model.Rope;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.TechniqueContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The stretched rotary embeddings against the numbers of YaRN's authors. */
class ScaledRopeTest {
    static Stream<Arguments> cases() throws IOException {
        try (InputStream in = ScaledRopeTest.class.getResourceAsStream("rope.json")) {
            JsonNode cases = JsonMapper.shared().readTree(in).get("cases");
            return StreamSupport.stream(cases.spliterator(), false)
                    .map(node -> Arguments.of(
                            "headSize " + node.get("dim") + ", base " + node.get("base") + ", × " + node.get("scale"),
                            node));
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void frequenciesAreThoseOfTheReference(String name, JsonNode node) {
        double factor = node.get("scale").doubleValue();
        assertFrequencies((Rope) positions(new RopeNtk(), new RopeNtk.Options(factor), node), node, "ntk_inv_freq");
        Yarn.Options yarn = new Yarn.Options(factor, 32, 1, null);
        Rope scaled = (Rope) positions(new Yarn(), yarn, node);
        assertFrequencies(scaled, node, "yarn_inv_freq");
        // At position 0 the cosine is the scale alone.
        assertThat((double) scaled.rotation(new int[] {0}).cosines().array()[0])
                .isCloseTo(node.get("yarn_mscale").doubleValue(), within(1e-6));

        RopeDynamicNtk.Encoding dynamic =
                (RopeDynamicNtk.Encoding) positions(new RopeDynamicNtk(), new RopeDynamicNtk.Options(1, null), node);
        assertFrequencies(dynamic.at(node.get("dynamic_ntk_seq").intValue()), node, "dynamic_ntk_inv_freq");
        assertFrequencies(dynamic.at(node.get("original_max").intValue()), node, "plain_inv_freq");

        Rope interpolated = (Rope) positions(new RopePi(), new RopePi.Options(factor), node);
        float[] cosines = interpolated.rotation(new int[] {5}).cosines().array();
        for (int i = 0; i < cosines.length; i++) {
            double expected = node.get("pi_cos_row5").get(i).doubleValue();
            assertThat((double) cosines[i]).isCloseTo(expected, within(1e-6));
        }
    }

    private static <O extends Record> PositionEncoding positions(
            AttentionTechnique<O> technique, O options, JsonNode node) {
        TransformerConfig shape = new TransformerConfig(
                10,
                16,
                16,
                1,
                1,
                1,
                node.get("dim").intValue(),
                node.get("original_max").intValue(),
                1e-5f,
                new TransformerConfig.RopeConfig(node.get("base").doubleValue(), false, null),
                true,
                false,
                -1,
                -1);
        AttentionDesign before = new AttentionDesign(null, null, null);
        return technique
                .design(before, shape, options, 0, TechniqueContext.of(new ScalarBackend()))
                .positions();
    }

    private static void assertFrequencies(Rope rope, JsonNode node, String name) {
        JsonNode expected = node.get(name);
        double[] frequencies = rope.inverseFrequencies();
        assertThat(frequencies).hasSize(expected.size());
        for (int i = 0; i < frequencies.length; i++) {
            double reference = expected.get(i).doubleValue();
            assertThat(frequencies[i]).as(name + " of pair " + i).isCloseTo(reference, within(1e-6 * reference));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void dynamicFactorsFollowEachTextOfAPass(String name, JsonNode node) {
        RopeDynamicNtk.Encoding dynamic =
                (RopeDynamicNtk.Encoding) positions(new RopeDynamicNtk(), new RopeDynamicNtk.Options(2, 10), node);
        int half = node.get("dim").intValue() / 2;
        Ops.Rotation both = dynamic.rotation(new int[] {3, 29, 3, 4}, new int[] {30, 30, 5, 5});
        float[] angles = both.sines().array();
        float[] ofLong = dynamic.rotation(new int[] {3, 29}).sines().array();
        float[] ofShort = dynamic.rotation(new int[] {3, 4}).sines().array();
        for (int i = 0; i < 2 * half; i++) {
            assertThat(angles[i]).isEqualTo(ofLong[i]);
            assertThat(angles[2 * half + i]).isEqualTo(ofShort[i]);
        }
    }
}
