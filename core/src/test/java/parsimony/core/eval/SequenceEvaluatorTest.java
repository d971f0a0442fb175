package parsimony.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;

class SequenceEvaluatorTest {
    private final Ops ops = new Ops(new ScalarBackend());
    private final Transformer model = TinyModels.random(TinyModels.config(true, false, false), 31);
    private final HeldOutText text = new HeldOutText(
            "test",
            IntStream.of(1, 37, 0, 8, 60)
                    .mapToObj(SequenceEvaluatorTest::document)
                    .toList());

    private static HeldOutText.Document document(int tokens) {
        return new HeldOutText.Document(
                new SplittableRandom(tokens).ints(tokens, 0, 13).toArray(), tokens);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 60})
    void lossesAreThoseOfTheTextsReadWithoutACache(int tokensPerPass) {
        float[][] losses = new SequenceEvaluator(ops, tokensPerPass).losses(model, text);
        assertThat(losses).hasNumberOfRows(5);
        for (int i = 0; i < losses.length; i++) {
            HeldOutText.Document document = text.documents().get(i);
            assertThat(losses[i]).hasSize(document.tokens().length);
            if (losses[i].length > 0) {
                double expected = new Evaluator(ops, 64)
                        .evaluate(model, new HeldOutText("one", List.of(document)), Evaluator.Progress.SILENT)
                        .nats();
                double sum = 0;
                for (float loss : losses[i]) {
                    sum += loss;
                }
                assertThat(sum).isCloseTo(expected, within(1e-4));
            }
        }
    }

    @Test
    void anEmptyPassIsRefused() {
        assertThatThrownBy(() -> new SequenceEvaluator(ops, 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
