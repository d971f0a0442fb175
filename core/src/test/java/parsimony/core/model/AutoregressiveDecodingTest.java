package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.DecodingStrategy.Generation;
import parsimony.core.model.DecodingStrategy.Origin;
import parsimony.core.model.DecodingStrategy.Request;

class AutoregressiveDecodingTest {
    private final Ops ops = new Ops(new ScalarBackend());
    private final Transformer model = TinyModels.random(TinyModels.config(true, true, false), 21);
    private final DecodingStrategy strategy = new AutoregressiveDecoding();
    private final List<Integer> heard = new ArrayList<>();

    private Generation generate(int maxTokens, Set<Integer> stop, Sampler sampler, int... prompt) {
        heard.clear();
        return strategy.generate(model, ops, new Request(prompt, maxTokens, stop, sampler), (token, origin) -> {
            assertThat(origin).isEqualTo(Origin.MODEL);
            heard.add(token);
        });
    }

    @Test
    void greedyTextIsTheOneOfRepeatedForwardPasses() {
        int[] prompt = {1, 7, 3};
        Generation generation = generate(12, Set.of(), Sampler.greedy(), prompt);
        ReferenceLlama reference = new ReferenceLlama(model);
        int[] text = prompt;
        for (int i = 0; i < 12; i++) {
            double[] logits = reference.logits(text)[text.length - 1];
            int best = 0;
            for (int token = 1; token < logits.length; token++) {
                best = logits[token] > logits[best] ? token : best;
            }
            text = Arrays.copyOf(text, text.length + 1);
            text[text.length - 1] = best;
        }
        assertThat(generation.tokens()).containsExactly(Arrays.copyOfRange(text, 3, 15));
        assertThat(heard)
                .containsExactlyElementsOf(
                        Arrays.stream(generation.tokens()).boxed().toList());
        assertThat(generation.modelPasses()).isEqualTo(12);
        assertThat(generation.stopped()).isFalse();
    }

    @Test
    void sampledTextDependsOnTheSeedAlone() {
        int[] first = generate(30, Set.of(), new Sampler(1.5, 0, 1, 4), 1).tokens();
        int[] again = generate(30, Set.of(), new Sampler(1.5, 0, 1, 4), 1).tokens();
        int[] other = generate(30, Set.of(), new Sampler(1.5, 0, 1, 5), 1).tokens();
        assertThat(first).hasSize(30).containsExactly(again).isNotEqualTo(other);
    }

    @Test
    void endsBeforeAStopToken() {
        int[] free = generate(30, Set.of(), new Sampler(1.5, 0, 1, 4), 1).tokens();
        int stop = free[9];
        int firstStop = 0;
        while (free[firstStop] != stop) {
            firstStop++;
        }
        Generation generation = generate(30, Set.of(stop, 99), new Sampler(1.5, 0, 1, 4), 1);
        assertThat(generation.stopped()).isTrue();
        assertThat(generation.tokens()).containsExactly(Arrays.copyOf(free, firstStop));
        assertThat(heard).hasSize(firstStop);
    }

    @Test
    void writesNothingIfNothingIsAskedFor() {
        assertThat(generate(0, Set.of(), Sampler.greedy(), 1).tokens()).isEmpty();
    }

    @Test
    void growsBeyondItsFirstBuffer() {
        assertThat(generate(300, Set.of(), Sampler.greedy(), 1).tokens()).hasSize(300);
    }

    @Test
    void longPromptsAreReadInPieces() {
        int[] prompt = new SplittableRandom(5).ints(1030, 0, 13).toArray();
        Sequence sequence = model.newSequence();
        float[] last = model.read(ops, sequence, prompt).array();
        assertThat(sequence.length()).isEqualTo(1030);
        double[] expected = new ReferenceLlama(model).logits(prompt)[1029];
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) last[i]).isCloseTo(expected[i], within(1e-5));
        }
    }

    @Test
    void refusesAnEmptyPrompt() {
        assertThatThrownBy(() -> new Request(new int[0], 1, Set.of(), Sampler.greedy()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("prompt");
    }
}
