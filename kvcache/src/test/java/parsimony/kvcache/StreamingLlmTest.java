package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.model.KvCache;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import tools.jackson.databind.JsonNode;

class StreamingLlmTest extends CacheContract<StreamingLlm.Options> {
    private static final JsonNode OFFICIAL = Official.NUMBERS.get("streaming");

    @Override
    protected Technique<StreamingLlm.Options> technique() {
        return new StreamingLlm();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("sinks=-1", "recent=0", "recent=1.01", "room=2", "length=-3");
    }

    @Override
    List<String> small() {
        return List.of("streaming-llm:sinks=2,recent=6,room=false", "streaming-llm:sinks=0,recent=5,room=false");
    }

    @Override
    String large() {
        return "streaming-llm:sinks=2,recent=38";
    }

    private static KvCache cache(boolean room) {
        return new EvictingKvCache(2, 4, () -> new StreamingLlm.SinksAndRecent(4, 8, room), true);
    }

    @Test
    void keepsWhatTheOfficialCodeKeepsAfterEachToken() {
        KvCache cache = cache(false);
        CacheDriver driver = new CacheDriver(cache, 2, 4);
        for (JsonNode step : OFFICIAL.get("per_token")) {
            driver.append(1);
            driver.commit(1);
            for (int head = 0; head < 2; head++) {
                assertThat(driver.positions(head)).isEqualTo(Official.integers(step.get("kept")));
                assertThat(cache.placesWhenRead(head)).isEqualTo(Official.integers(step.get("cache_positions")));
            }
        }
    }

    @Test
    void makesRoomAsTheOfficialCodeDoesBeforeAPrompt() {
        KvCache cache = cache(true);
        CacheDriver driver = new CacheDriver(cache, 2, 4);
        driver.append(6);
        driver.commit(6);
        for (JsonNode turn : OFFICIAL.get("evict_for_space")) {
            int coming = turn.get("num_coming").intValue();
            driver.append(coming);
            assertThat(driver.positionsBefore(1, coming)).isEqualTo(Official.integers(turn.get("kept_before_feed")));
            driver.commit(coming);
            assertThat(driver.positions(1)).isEqualTo(Official.integers(turn.get("cache_after_feed")));
        }
    }

    @Test
    void aLongPromptAndARangeLeaveWhatTheOfficialCodeLeaves() {
        CacheDriver long30 = new CacheDriver(cache(true), 2, 4);
        long30.append(30);
        long30.commit(30);
        assertThat(long30.positions(0)).isEqualTo(Official.integers(OFFICIAL.get("one_shot_30")));
        // Of twelve entries the official code drops those from 4 to 8, which is what room for five others takes.
        CacheDriver twelve = new CacheDriver(cache(true), 2, 4);
        twelve.append(12);
        twelve.commit(12);
        twelve.append(5);
        assertThat(twelve.positionsBefore(0, 5)).isEqualTo(Official.integers(OFFICIAL.get("evict_range_12_4_9")));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aLayerSeesSinksAndNewestAsIfNothingStoodBetween(boolean room) {
        Transformer oneLayer = OneLayer.model();
        Transformer cached = apply("streaming-llm:sinks=3,recent=7,room=" + room, oneLayer);
        int[] text = tokens(5, 300);
        int recent = room ? 7 : 8;
        try (Sequence sequence = cached.newSequence()) {
            for (int i = 0; i < text.length; i++) {
                int end = i + 1;
                int[] seen = IntStream.range(0, end)
                        .filter(j -> j < 3 || j >= end - recent)
                        .map(j -> text[j])
                        .toArray();
                assertThat(next(cached, sequence, text[i]))
                        .as("token " + i)
                        .containsExactly(OneLayer.last(oneLayer, seen), within(1e-4f));
            }
        }
    }

    @Test
    void passesOfSeveralTokensStayWithinTheBudgetsPlaces() {
        KvCache cache = cache(true);
        CacheDriver driver = new CacheDriver(cache, 2, 4);
        for (int pass = 0; pass < 20; pass++) {
            driver.append(5);
            assertThat(cache.placesWhenRead(0))
                    .isEqualTo(IntStream.range(0, Math.min(12, 5 * pass + 5)).toArray());
            driver.commit(5);
        }
    }

    @Test
    void readsFarPastTheContextInConstantMemory() {
        Transformer cached = apply("streaming-llm:sinks=4,recent=28");
        try (Sequence sequence = cached.newSequence()) {
            cached.read(OPS, sequence, tokens(1, 300));
            long bytes = sequence.bytes();
            for (int i = 0; i < 20; i++) {
                float[] logits = cached.read(OPS, sequence, tokens(i, 128)).array();
                assertThat(logits).doesNotContain(Float.NaN);
                assertThat(sequence.bytes()).isEqualTo(bytes);
            }
            assertThat(sequence.length()).isEqualTo(300 + 20 * 128);
        }
    }
}
