package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.Visibility;
import parsimony.core.technique.Technique;
import tools.jackson.databind.JsonNode;

class H2oTest extends CacheContract<H2o.Options> {
    private static final JsonNode OFFICIAL = Official.NUMBERS.get("h2o");
    private static final int TOKENS = 24;

    private final List<H2o.HeavyHitters> policies = new ArrayList<>();

    @Override
    protected Technique<H2o.Options> technique() {
        return new H2o();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("heavy=none", "heavy=-1", "recent=0", "recent=0.0", "length=0");
    }

    @Override
    List<String> small() {
        return List.of("h2o:heavy=4,recent=4", "h2o:heavy=0,recent=6");
    }

    @Override
    String large() {
        return "h2o:heavy=20,recent=20";
    }

    /** Two heads whose queries and keys give the official logits: key s is the unit vector s, query t row t of the logits. */
    private CacheDriver driver(boolean room) {
        return new CacheDriver(
                new EvictingKvCache(
                        2,
                        TOKENS,
                        () -> {
                            policies.add(new H2o.HeavyHitters(4, 4, room));
                            return policies.getLast();
                        },
                        false),
                2,
                TOKENS);
    }

    private static void read(CacheDriver driver, int first, int count) {
        driver.append(count, (position, column) -> column % TOKENS == position ? 1 : 0);
        float[] queries = new float[count * 2 * TOKENS];
        for (int i = 0; i < queries.length; i++) {
            int head = i / TOKENS % 2;
            queries[i] = OFFICIAL.get("logits")
                    .get(head)
                    .get(first + i / (2 * TOKENS))
                    .get(i % TOKENS)
                    .floatValue();
        }
        driver.attend(count, queries);
    }

    @ParameterizedTest
    @CsvSource({"8, drop8", "12, drop12"})
    void keepsAndScoresAsTheOfficialCodeThatDrops(int prompt, String official) {
        CacheDriver driver = driver(false);
        int read = 0;
        for (JsonNode step : OFFICIAL.get(official)) {
            int count = step.get("t").intValue() + 1 - read;
            assertThat(count).isEqualTo(read == 0 ? prompt : 1);
            read(driver, read, count);
            driver.commit(count);
            read += count;
            for (int head = 0; head < 2; head++) {
                assertThat(driver.positions(head))
                        .as("step " + read)
                        .isEqualTo(Official.integers(step.get("kept").get(head)));
                assertThat(policies.get(head).scores)
                        .as("step " + read)
                        .containsExactly(Official.numbers(step.get("scores").get(head)), within(1e-5));
            }
        }
        assertThat(read).isEqualTo(TOKENS);
    }

    @Test
    void hidesAndScoresAsTheOfficialCodeThatMasks() {
        CacheDriver driver = driver(true);
        read(driver, 0, 8);
        driver.commit(8);
        int read = 8;
        for (JsonNode step : OFFICIAL.get("masked8")) {
            assertThat(step.get("t").intValue()).isEqualTo(read - 1);
            for (int head = 0; head < 2; head++) {
                double[] expected =
                        Official.numbers(step.get("scores_after_mask").get(head));
                double[] actual = new double[expected.length];
                // With nothing new, nothing is hidden.
                int[] held = driver.positions(head);
                for (int i = 0; i < held.length; i++) {
                    actual[held[i]] = policies.get(head).scores[i];
                }
                assertThat(actual).as("step " + read).containsExactly(expected, within(1e-5));
            }
            if (read == TOKENS) {
                return;
            }
            read(driver, read, 1);
            for (int head = 0; head < 2; head++) {
                assertThat(driver.positions(head))
                        .as("step " + read)
                        .isEqualTo(
                                Official.integers(step.get("next_step_visible").get(head)));
            }
            driver.commit(1);
            read++;
        }
    }

    @Test
    void passesThatAreCommittedTogetherScoreLikeThoseThatAreNot() {
        Transformer cached = apply("h2o:heavy=4,recent=4");
        try (Sequence apart = cached.newSequence();
                Sequence together = cached.newSequence()) {
            for (int i = 0; i < 60; i++) {
                int[] tokens = tokens(i, 5);
                next(cached, apart, tokens);
                // Positions go on from what is committed, so the second half is told where it stands.
                int length = together.length();
                cached.forward(ForwardContext.next(OPS, together, Arrays.copyOf(tokens, 2)));
                int[] positions = {length + 2, length + 3, length + 4};
                cached.forward(new ForwardContext(
                        OPS,
                        Arrays.copyOfRange(tokens, 2, 5),
                        positions,
                        List.of(new ForwardContext.Span(0, 3, together, new Visibility.Causal(positions, 0)))));
                together.commit(5);
                try (Sequence a = apart.fork();
                        Sequence b = together.fork()) {
                    assertThat(next(cached, b, 3)).as("pass " + i).containsExactly(next(cached, a, 3), within(1e-5f));
                }
            }
        }
    }

    @Test
    void headsMayHoldDifferentEntriesAndMemoryIsConstant() {
        Transformer cached = apply("h2o:heavy=4,recent=4");
        try (Sequence sequence = cached.newSequence()) {
            next(cached, sequence, tokens(1, 30));
            long bytes = sequence.bytes();
            for (int i = 0; i < 100; i++) {
                next(cached, sequence, tokens(i, 10));
                assertThat(sequence.bytes()).isEqualTo(bytes);
            }
        }
    }

    @Test
    void equalScoresKeepTheEarlier() {
        assertThat(EvictionPolicy.best(new double[] {1, 3, 3, 2, 3, 0, 0}, 7, 2, 2))
                .containsExactly(1, 2, 5, 6);
        assertThat(EvictionPolicy.best(new double[] {1, 1, 1}, 3, 0, 2)).containsExactly(1, 2);
        assertThat(EvictionPolicy.best(new double[] {0, 5, 1}, 3, 1, 1)).containsExactly(1, 2);
        assertThat(EvictionPolicy.ends(9, 2, 3))
                .isEqualTo(IntStream.of(0, 1, 6, 7, 8).toArray());
    }
}
