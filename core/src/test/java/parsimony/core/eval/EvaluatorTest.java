package parsimony.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;

class EvaluatorTest {
    private static final int BEGIN = 1;

    private final Ops ops = new Ops(new ScalarBackend());
    private final Transformer model = TinyModels.random(TinyModels.config(true, false, false), 31);
    private final HeldOutText text = new HeldOutText(
            "test",
            List.of(
                    document(1, 3),
                    document(37, 90),
                    document(8, 20),
                    document(16, 40),
                    document(0, 0),
                    document(9, 9)));

    private static HeldOutText.Document document(int tokens, long bytes) {
        return new HeldOutText.Document(
                new SplittableRandom(tokens).ints(tokens, 0, 13).toArray(), bytes);
    }

    /** The protocol as it is written down: one token at a time, each read with the window that it is scored in. */
    private double[] logProbabilities(Transformer model, int[] tokens, int target, int context, int stride) {
        int[] stream = new int[tokens.length + 1];
        stream[0] = BEGIN;
        System.arraycopy(tokens, 0, stream, 1, tokens.length);
        int window = 0;
        while (window + context < target) {
            window += stride;
        }
        int[] read = Arrays.copyOfRange(stream, window, target);
        Tensor logits = model.forward(ForwardContext.batch(ops, read, read.length));
        double[] row = new double[13];
        double sum = 0;
        for (int i = 0; i < 13; i++) {
            row[i] = logits.array()[(read.length - 1) * 13 + i];
            sum += Math.exp(row[i]);
        }
        for (int i = 0; i < 13; i++) {
            row[i] -= Math.log(sum);
        }
        return row;
    }

    @ParameterizedTest
    @CsvSource({"8, 4, 8", "8, 4, 11", "8, 4, 1000", "8, 8, 20", "8, 3, 20", "64, 32, 64"})
    void everyTokenIsScoredOnceWithTheContextThatTheProtocolGivesIt(int context, int stride, int rowsPerPass) {
        double nats = 0;
        for (HeldOutText.Document document : text.documents()) {
            for (int target = 1; target <= document.tokens().length; target++) {
                nats -= logProbabilities(model, document.tokens(), target, context, stride)[
                        document.tokens()[target - 1]];
            }
        }
        Evaluation evaluation =
                new Evaluator(ops, context, stride, rowsPerPass).evaluate(model, text, Evaluator.Progress.SILENT);
        assertThat(evaluation.nats()).isCloseTo(nats, within(1e-5));
        assertThat(evaluation.bitsPerByte()).isCloseTo(nats / Math.log(2) / 162, within(1e-6));
        assertThat(evaluation.perplexity()).isCloseTo(Math.exp(nats / 71), within(1e-5));
        assertThat(evaluation.divergence()).isNull();
        assertThat(evaluation.protocol())
                .isEqualTo(new Evaluation.Protocol("test", 6, 71, 162, context, stride, BEGIN));
    }

    @Test
    void comparesWithAReference() {
        Transformer other = TinyModels.random(TinyModels.config(false, true, true), 32);
        double divergence = 0;
        int agreements = 0;
        for (HeldOutText.Document document : text.documents()) {
            for (int target = 1; target <= document.tokens().length; target++) {
                double[] p = logProbabilities(other, document.tokens(), target, 8, 4);
                double[] q = logProbabilities(model, document.tokens(), target, 8, 4);
                int bestP = 0;
                int bestQ = 0;
                for (int i = 0; i < 13; i++) {
                    divergence += Math.exp(p[i]) * (p[i] - q[i]) / 71;
                    bestP = p[i] > p[bestP] ? i : bestP;
                    bestQ = q[i] > q[bestQ] ? i : bestQ;
                }
                agreements += bestP == bestQ ? 1 : 0;
            }
        }
        Evaluator evaluator = new Evaluator(ops, 8, 4, 16);
        Reference reference = new Reference(other);
        Evaluation evaluation = evaluator.evaluate(model, reference, text, Evaluator.Progress.SILENT);
        assertThat(evaluation.divergence().kullbackLeibler()).isCloseTo(divergence, within(1e-5));
        assertThat(evaluation.divergence().topOneAgreement()).isEqualTo(agreements / 71.0);
        assertThat(evaluation.nats())
                .isEqualTo(evaluator
                        .evaluate(model, text, Evaluator.Progress.SILENT)
                        .nats());

        // Remembered states give the same numbers, and a different evaluator does not mistake them for its own.
        assertThat(evaluator.evaluate(model, reference, text, Evaluator.Progress.SILENT))
                .isEqualTo(evaluation);
        Evaluation otherPasses =
                new Evaluator(ops, 8, 4, 64).evaluate(model, reference, text, Evaluator.Progress.SILENT);
        assertThat(otherPasses.divergence().kullbackLeibler()).isCloseTo(divergence, within(1e-5));
    }

    @Test
    void aModelAgreesWithItself() {
        Evaluation evaluation =
                new Evaluator(ops, 8).evaluate(model, new Reference(model), text, Evaluator.Progress.SILENT);
        assertThat(evaluation.divergence()).isEqualTo(new Evaluation.Divergence(0, 1));
    }

    @Test
    void roundedWeightsAreALittleWorseThanTheirReference() {
        Transformer rounded = model.copy();
        rounded.linears().forEach(linear -> linear.setWeight(DenseStorage.of(DataType.BF16, linear.weight())));
        Evaluation evaluation =
                new Evaluator(ops, 8).evaluate(rounded, new Reference(model), text, Evaluator.Progress.SILENT);
        assertThat(evaluation.divergence().kullbackLeibler()).isPositive().isLessThan(1e-3);
    }

    @Test
    void tellsItsProgress() {
        List<Long> scored = new ArrayList<>();
        new Evaluator(ops, 8, 4, 8).evaluate(model, text, (done, tokens, bits) -> {
            assertThat(tokens).isEqualTo(71);
            assertThat(bits).isBetween(1.0, 10.0);
            scored.add(done);
        });
        assertThat(scored).isSorted().doesNotHaveDuplicates().last().isEqualTo(71L);
    }

    @Test
    void aModelWithoutABeginningReadsTheEndOfTheTextBefore() {
        TransformerConfig config = model.config();
        assertThat(evaluateWith(config, -1, BEGIN).nats())
                .isEqualTo(evaluateWith(config, BEGIN, 2).nats());
        assertThatThrownBy(() -> evaluateWith(config, -1, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("begin");
    }

    private Evaluation evaluateWith(TransformerConfig config, int begin, int end) {
        TransformerConfig changed = new TransformerConfig(
                config.vocabularySize(),
                config.hiddenSize(),
                config.intermediateSize(),
                config.layers(),
                config.heads(),
                config.keyValueHeads(),
                config.headSize(),
                config.contextLength(),
                config.normEpsilon(),
                config.rope(),
                config.tiedEmbeddings(),
                config.projectionBias(),
                begin,
                end);
        return new Evaluator(ops, 8).evaluate(TinyModels.random(changed, 31), text, Evaluator.Progress.SILENT);
    }

    @Test
    void refusesWhatItCannotMeasure() {
        HeldOutText foreign = new HeldOutText("foreign", List.of(new HeldOutText.Document(new int[] {3, 13}, 2)));
        assertThatThrownBy(() -> new Evaluator(ops, 8).evaluate(model, foreign, Evaluator.Progress.SILENT))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("token 13 of foreign");
        HeldOutText empty = new HeldOutText("empty", List.of());
        assertThatThrownBy(() -> new Evaluator(ops, 8).evaluate(model, empty, Evaluator.Progress.SILENT))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Evaluator(ops, 8, 9, 8)).isInstanceOf(IllegalArgumentException.class);
    }
}
