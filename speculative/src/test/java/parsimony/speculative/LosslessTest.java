package parsimony.speculative;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.AutoregressiveDecoding;
import parsimony.core.model.DecodingStrategy;
import parsimony.core.model.DecodingStrategy.Generation;
import parsimony.core.model.DecodingStrategy.Origin;
import parsimony.core.model.DecodingStrategy.Request;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sampler;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.Tensor;

/** Every strategy beside one token a pass. */
class LosslessTest {
    private static final Transformer TARGET = TinyModels.random(TinyModels.config(true, true, false), 5);
    private static final Transformer DRAFT = disturbed(TARGET, 0.1);
    private static final int VOCABULARY = TARGET.config().vocabularySize();

    private final Backend vector = new VectorBackend(2);

    @AfterEach
    void close() {
        vector.close();
    }

    /** A model that often agrees with another one. */
    private static Transformer disturbed(Transformer model, double deviation) {
        Transformer result = model.trainable();
        SplittableRandom random = new SplittableRandom(9);
        result.trainableParameters().values().forEach(tensor -> {
            for (int i = 0; i < tensor.size(); i++) {
                tensor.array()[i] += (float) (deviation * random.nextGaussian());
            }
        });
        return result.frozen();
    }

    private static Stream<DecodingStrategy> strategies() {
        return strategies(TARGET, DRAFT, disturbed(TARGET, 0.3));
    }

    private static Stream<DecodingStrategy> strategies(Transformer target, Transformer draft, Transformer other) {
        SpeculativeDecoding.Options adaptive = new SpeculativeDecoding.Options("draft", 6, true);
        return Stream.of(
                SpeculativeDecoding.strategy(
                        "speculative", draft, target, new SpeculativeDecoding.Options("draft", 3, false)),
                SpeculativeDecoding.strategy("adaptive", draft, target, adaptive),
                SpecInfer.strategy("tree", List.of(draft), 3, 2, 1),
                SpecInfer.strategy("two drafts", List.of(draft, other), 2, 2),
                PromptLookup.strategy("prompt-lookup", new PromptLookup.Options(1, 5)),
                Jacobi.strategy("jacobi", new Jacobi.Options(4)),
                Lookahead.strategy("lookahead", new Lookahead.Options(3, 3, 2)),
                Lookahead.strategy("bigrams", new Lookahead.Options(2, 2, 1)),
                Medusa.strategy(
                        "medusa",
                        MedusaHeads.train(target, 2, 1, calibration(target)),
                        new Medusa.Options(2, 6, false, 0.3, 0.09, 1, null)));
    }

    private static TechniqueContext calibration(Transformer model) {
        return TechniqueContext.of(new ScalarBackend())
                .withCalibration(List.of(new SplittableRandom(3)
                        .ints(40, 0, model.config().vocabularySize())
                        .toArray()));
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void greedyTextIsTheOneOfPlainDecoding(DecodingStrategy strategy) {
        SplittableRandom random = new SplittableRandom(1);
        int accepted = 0;
        for (int i = 0; i < 200; i++) {
            int[] prompt = random.ints(1 + random.nextInt(12), 0, VOCABULARY).toArray();
            Request request = new Request(
                    prompt,
                    random.nextInt(30),
                    i % 3 == 0 ? Set.of(random.nextInt(VOCABULARY)) : Set.of(),
                    Sampler.greedy());
            Ops ops = new Ops(i % 2 == 0 ? vector : new ScalarBackend());
            List<Integer> heard = new ArrayList<>();
            List<Origin> origins = new ArrayList<>();
            Generation generation = strategy.generate(TARGET, ops, request, (token, origin) -> {
                heard.add(token);
                origins.add(origin);
            });
            Generation plain = new AutoregressiveDecoding().generate(TARGET, ops, request, (token, origin) -> {});
            assertThat(generation.tokens())
                    .as("prompt " + Arrays.toString(prompt))
                    .containsExactly(plain.tokens());
            assertThat(generation.stopped()).isEqualTo(plain.stopped());
            assertThat(heard.stream().mapToInt(token -> token).toArray()).containsExactly(plain.tokens());
            assertThat(origins.stream().filter(origin -> origin == Origin.DRAFT))
                    .hasSize(generation.accepted());
            assertThat(generation.accepted()).isLessThanOrEqualTo(generation.proposed());
            assertThat(generation.modelPasses()).isLessThanOrEqualTo(plain.modelPasses());
            accepted += generation.accepted();
        }
        assertThat(accepted).as("tokens that were drafted").isPositive();
    }

    @ParameterizedTest
    @MethodSource("strategiesOfTables")
    void drawnTextHasTheModelsDistribution(DecodingStrategy strategy) {
        float[][] logits = Bigram.random(5, 1);
        Transformer target = Bigram.model(logits);
        Ops ops = new Ops(new ScalarBackend());
        int draws = 12_000;
        int[] counts = new int[125];
        for (int seed = 0; seed < draws; seed++) {
            Request request = new Request(new int[] {3, 1, 0, 3, 1}, 3, Set.of(), new Sampler(1.3, 4, 1, seed));
            int[] tokens = strategy.generate(target, ops, request, (token, origin) -> {})
                    .tokens();
            counts[25 * tokens[0] + 5 * tokens[1] + tokens[2]]++;
        }
        Sampler sampler = new Sampler(1.3, 4, 1, 0);
        double chiSquare = 0;
        int cells = 0;
        for (int i = 0; i < counts.length; i++) {
            int[] tokens = {1, i / 25, i / 5 % 5, i % 5};
            double expected = draws;
            for (int j = 0; j < 3; j++) {
                expected *= sampler.distribution(logits[tokens[j]])[tokens[j + 1]];
            }
            if (expected == 0) {
                assertThat(counts[i]).isZero();
            } else {
                chiSquare += (counts[i] - expected) * (counts[i] - expected) / expected;
                cells++;
            }
        }
        // Wilson and Hilferty, 1931: the cube root of χ² / k is nearly normal. The model itself deviates by more than
        // 3.1 once in a thousand times.
        double variance = 2.0 / (9 * (cells - 1));
        double deviations = (Math.cbrt(chiSquare / (cells - 1)) - 1 + variance) / Math.sqrt(variance);
        assertThat(deviations).as("standard deviations from the model").isLessThan(3.1);
    }

    private static Stream<DecodingStrategy> strategiesOfTables() {
        return strategies(
                Bigram.model(Bigram.random(5, 1)),
                Bigram.model(Bigram.random(5, 2)),
                Bigram.model(Bigram.random(5, 3)));
    }

    @Test
    void rowsOfATreeHaveTheBitsThatTheyHaveAlone() {
        Ops ops = new Ops(vector);
        int[] text = new SplittableRandom(4).ints(40, 0, VOCABULARY).toArray();
        for (int rows : IntStream.rangeClosed(1, 20).toArray()) {
            try (var together = TARGET.newSequence();
                    var alone = TARGET.newSequence()) {
                TARGET.read(ops, together, Arrays.copyOf(text, 20));
                TARGET.read(ops, alone, Arrays.copyOf(text, 20));
                int[] chain = Arrays.copyOfRange(text, 20, 20 + rows);
                int[] parents = IntStream.range(-1, rows - 1).toArray();
                Tensor logits = TARGET.forward(ForwardContext.tree(ops.rowByRow(), together, chain, parents, 0));
                for (int i = 0; i < rows; i++) {
                    assertThat(Logits.row(logits, i))
                            .as("row " + i + " of " + rows)
                            .containsExactly(TARGET.read(ops, alone, chain[i]).array());
                }
            }
        }
    }
}
