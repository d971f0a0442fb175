package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.Tensor;
import tools.jackson.databind.JsonNode;

/** Rotary positions against llama2.c (interleaved) and Hugging Face's layout (half). */
class RopeTest {
    private final Ops ops = new Ops(new ScalarBackend());
    private final JsonNode fixture = Fixture.read("rope.json");

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void turnsQueriesAndKeysAsTheReference(boolean interleaved) {
        Rope rope = new RopeConfig(10000, interleaved, null).encoding(8);
        Ops.Rotation rotation = rope.rotation(IntStream.range(0, 12).toArray());
        for (String which : new String[] {"q", "k"}) {
            Tensor x = Tensor.of(Fixture.floats(fixture.get(which)), 12, 16);
            float[] expected = Fixture.floats(fixture.get((interleaved ? "interleaved_" : "half_") + which));
            assertThat(ops.rotate(x, 2, rotation).array()).containsExactly(expected, within(1e-6f));
        }
    }

    @Test
    void frequenciesAreThoseOfTheReference() {
        for (JsonNode entry : fixture.get("frequencies")) {
            double[] frequencies = Rope.inverseFrequencies(
                    entry.get("dim").intValue(), entry.get("base").doubleValue());
            JsonNode expected = entry.get("plain_inv_freq");
            assertThat(frequencies).hasSize(expected.size());
            for (int i = 0; i < frequencies.length; i++) {
                double reference = expected.get(i).doubleValue();
                assertThat(frequencies[i]).isCloseTo(reference, within(1e-9 * reference));
            }
        }
    }

    @Test
    void farPositionsStayExact() {
        Ops.Rotation rotation = new Rope(new double[] {1, 0.1}, 1, false).rotation(new int[] {1_000_001});
        assertThat(rotation.cosines().array()[0]).isEqualTo((float) Math.cos(1_000_001.0));
        assertThat(rotation.sines().array()[1]).isEqualTo((float) Math.sin(100_000.1));
    }

    @Test
    void llama3StretchesLowFrequenciesAlone() {
        Rope plain = new RopeConfig(500_000, false, null).encoding(64);
        Rope scaled = new RopeConfig(500_000, false, new Llama3Scaling(32, 1, 4, 8192)).encoding(64);
        // Wavelengths below 8192 / 4 stay, those beyond 8192 / 1 are 32 times as long, and what lies between is mixed.
        float[] near = plain.rotation(new int[] {1}).sines().array();
        float[] nearScaled = scaled.rotation(new int[] {1}).sines().array();
        for (int i = 0; i < 32; i++) {
            double frequency = Math.pow(500_000, -i / 32.0);
            double wavelength = 2 * Math.PI / frequency;
            double smooth = (8192 / wavelength - 1) / 3;
            double expected = wavelength < 2048
                    ? frequency
                    : wavelength > 8192 ? frequency / 32 : (1 - smooth) * frequency / 32 + smooth * frequency;
            assertThat(near[i]).isCloseTo((float) Math.sin(frequency), within(1e-6f));
            assertThat((double) nearScaled[i]).isCloseTo(Math.sin(expected), within(1e-7));
        }
    }
}
