package parsimony.speculative;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.random.RandomGenerator;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.DecodingStrategy.Request;
import parsimony.core.model.Sampler;
import parsimony.core.model.Transformer;
import tools.jackson.databind.JsonNode;

class SpeculativeSamplingTest {
    private static final JsonNode OFFICIAL = Official.read("speculative.json");

    static Stream<JsonNode> cases() {
        return OFFICIAL.get("cases").valueStream();
    }

    static Stream<JsonNode> singleSteps() {
        return OFFICIAL.get("single_step").valueStream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void writesWhatTheOfficialCodeWritesWithTheSameRandomNumbers(JsonNode node) {
        Transformer draft = Bigram.model(Official.table(OFFICIAL.get("draft_logits")));
        Transformer target = Bigram.model(Official.table(OFFICIAL.get("target_logits")));
        int[] prefix = Official.integers(node.get("prefix"));
        double topP = node.get("top_p").doubleValue();
        Sampler sampler = new Sampler(
                node.get("temperature").doubleValue(), node.get("top_k").intValue(), topP == 0 ? 1 : topP, 0);
        int gamma = node.get("gamma").intValue();
        DraftAndVerify strategy = (DraftAndVerify) SpeculativeDecoding.strategy(
                "speculative", draft, target, new SpeculativeDecoding.Options("bigram", gamma, false));
        List<Integer> text = new ArrayList<>();
        for (int token : prefix) {
            text.add(token);
        }
        RandomGenerator recorded = replay(node.get("uniforms").valueStream().mapToDouble(JsonNode::doubleValue));
        // Long enough that the end does not shorten a draft; the recording ends first.
        Request request = new Request(prefix, 1000, Set.of(), sampler);
        assertThatThrownBy(() -> strategy.generate(
                        target, new Ops(new ScalarBackend()), request, (token, origin) -> text.add(token), recorded))
                .isInstanceOf(NoSuchElementException.class);
        assertThat(text)
                .containsExactly(
                        node.get("output").valueStream().map(JsonNode::intValue).toArray(Integer[]::new));
    }

    private static RandomGenerator replay(DoubleStream uniforms) {
        var iterator = uniforms.iterator();
        return new RandomGenerator() {
            @Override
            public long nextLong() {
                throw new AssertionError("only fractions are drawn");
            }

            @Override
            public double nextDouble() {
                return iterator.nextDouble();
            }
        };
    }

    @ParameterizedTest
    @MethodSource("singleSteps")
    void leavesOverWhatTheOfficialCodeLeavesOver(JsonNode node) {
        float[] p = Official.floats(node.get("p"));
        float[] q = Official.floats(node.get("q"));
        assertThat(SpeculativeSampling.residual(p, 0, q))
                .containsExactly(Official.floats(node.get("residual")), within(1e-6f));
    }
}
