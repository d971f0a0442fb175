package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

class SamplerTest {
    private static final float[] LOGITS = {1, 3, -2, 3, 0.5f};

    static Stream<JsonNode> fixture(String part) {
        return StreamSupport.stream(Fixture.read("sampling.json").get(part).spliterator(), false);
    }

    static Stream<JsonNode> filters() {
        return fixture("filter");
    }

    static Stream<JsonNode> draws() {
        return fixture("draws");
    }

    @ParameterizedTest
    @MethodSource("filters")
    void filtersAsTheReference(JsonNode node) {
        double topP = node.get("top_p").doubleValue();
        Sampler sampler = new Sampler(
                node.get("temperature").doubleValue(), node.get("top_k").intValue(), topP == 0 ? 1 : topP, 0);
        assertThat(sampler.distribution(Fixture.floats(node.get("logits"))))
                .containsExactly(Fixture.floats(node.get("probs")), within(1e-7f));
    }

    @ParameterizedTest
    @MethodSource("draws")
    void drawsAsTheReference(JsonNode node) {
        assertThat(Sampler.draw(Fixture.floats(node.get("probs")), node.get("u").doubleValue()))
                .isEqualTo(node.get("token").intValue());
    }

    @Test
    void greedyTakesTheFirstMaximum() {
        Sampler greedy = Sampler.greedy();
        assertThat(greedy.sample(LOGITS, greedy.newRandom())).isEqualTo(1);
        assertThat(greedy.distribution(LOGITS)).containsExactly(0, 1, 0, 0, 0);
    }

    @Test
    void temperatureFlattens() {
        float[] cold = new Sampler(0.5, 0, 1, 0).distribution(new float[] {0, 1});
        float[] hot = new Sampler(2, 0, 1, 0).distribution(new float[] {0, 1});
        assertThat((double) cold[1]).isCloseTo(1 / (1 + Math.exp(-2)), within(1e-7));
        assertThat((double) hot[1]).isCloseTo(1 / (1 + Math.exp(-0.5)), within(1e-7));
        assertThat(new Sampler(1e-9, 0, 1, 0).distribution(LOGITS)).containsExactly(0, 0.5f, 0, 0.5f, 0);
    }

    @Test
    void impossibleTokensAreNeverDrawn() {
        float[] probabilities = {0, 0.25f, 0, 0.75f, 0};
        assertThat(Sampler.draw(probabilities, 0)).isEqualTo(1);
        assertThat(Sampler.draw(probabilities, 0.2499)).isEqualTo(1);
        assertThat(Sampler.draw(probabilities, 0.25)).isEqualTo(3);
        assertThat(Sampler.draw(probabilities, 1)).isEqualTo(3);
    }

    @Test
    void nucleusOfAlmostEqualTokensIsExact() {
        float[] logits = new float[1000];
        float[] probabilities = new Sampler(1, 0, 0.5, 0).distribution(logits);
        for (int token = 0; token < 1000; token++) {
            // Half of the probability is not more than half, so one token more is kept.
            assertThat((double) probabilities[token]).isCloseTo(token <= 500 ? 1 / 501.0 : 0, within(1e-7));
        }
    }

    @Test
    void samplesFollowTheDistribution() {
        Sampler sampler = new Sampler(0.8, 3, 0.95, 5);
        float[] expected = sampler.distribution(LOGITS);
        RandomGenerator random = sampler.newRandom();
        int[] counts = new int[LOGITS.length];
        int draws = 20_000;
        for (int i = 0; i < draws; i++) {
            counts[sampler.sample(LOGITS, random)]++;
        }
        for (int token = 0; token < counts.length; token++) {
            double deviation = Math.sqrt(expected[token] * (1 - expected[token]) / draws);
            assertThat(counts[token] / (double) draws).isCloseTo(expected[token], within(4 * deviation));
        }
    }

    @Test
    void theSameSeedGivesTheSameTokens() {
        Sampler sampler = new Sampler(1, 0, 1, 9);
        RandomGenerator first = sampler.newRandom();
        RandomGenerator second = sampler.newRandom();
        for (int i = 0; i < 50; i++) {
            assertThat(sampler.sample(LOGITS, first)).isEqualTo(sampler.sample(LOGITS, second));
        }
    }

    @Test
    void topKKeepsTheLargestInAnyOrder() {
        SplittableRandom random = new SplittableRandom(3);
        float[] logits = new float[200];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian();
        }
        for (int topK : new int[] {1, 2, 17, 199, 200, 500}) {
            float[] probabilities = new Sampler(1, topK, 1, 0).distribution(logits);
            float[] sorted = logits.clone();
            Arrays.sort(sorted);
            for (int token = 0; token < logits.length; token++) {
                boolean kept = logits[token] >= sorted[Math.max(0, logits.length - topK)];
                assertThat(probabilities[token] > 0).isEqualTo(kept);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"-1, 0, 1", "NaN, 0, 1", "Infinity, 0, 1", "1, -1, 1", "1, 0, 0", "1, 0, 1.1", "1, 0, NaN"})
    void refusesOptionsWithoutMeaning(double temperature, int topK, double topP) {
        assertThatThrownBy(() -> new Sampler(temperature, topK, topP, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesLogitsThatAreNoNumbers() {
        assertThatThrownBy(() -> Sampler.greedy().distribution(new float[] {Float.NaN, Float.NaN}))
                .isInstanceOf(ArithmeticException.class);
    }
}
