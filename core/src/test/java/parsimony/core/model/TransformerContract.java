package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.FiniteDifferences;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;

/** The transformer against an independent one in double precision: logits, gradients, and every way to read the same text. */
abstract class TransformerContract {
    private final Ops ops;

    TransformerContract(Backend backend) {
        ops = new Ops(backend);
    }

    static Stream<Arguments> variants() {
        return Stream.of(
                Arguments.of(TinyModels.config(true, false, false)),
                Arguments.of(TinyModels.config(false, true, false)),
                Arguments.of(TinyModels.config(true, true, true)));
    }

    @ParameterizedTest
    @MethodSource("variants")
    void logitsAgreeWithTheReference(TransformerConfig config) {
        Transformer model = TinyModels.random(config, 1);
        int[] tokens = tokens(20);
        double[][] expected = new ReferenceLlama(model).logits(tokens);
        assertSame(model.forward(ForwardContext.batch(ops, tokens, 20)), expected);
    }

    @ParameterizedTest
    @MethodSource("variants")
    void gradientsOfEveryParameterAgreeWithDifferences(TransformerConfig config) {
        Transformer model = TinyModels.random(config, 2);
        ReferenceLlama reference = new ReferenceLlama(model);
        // Three texts of five tokens; the second has two places where nothing is to be predicted.
        int[] tokens = {1, 5, 9, 5, 3, 1, 7, 7, 0, 12, 1, 2, 11, 4, 5};
        int[] targets = {5, 9, 5, 3, 8, 7, -1, 0, -1, 6, 2, 11, 4, 5, 10};

        Tape tape = new Tape();
        double loss =
                tape.record(() -> ops.crossEntropy(model.forward(ForwardContext.batch(ops, tokens, 5)), targets, 1));
        tape.backward();

        assertThat(loss).isCloseTo(meanLoss(reference, tokens, targets, 5), within(1e-6));
        int perLayer = 9 + (config.projectionBias() ? 3 : 0);
        assertThat(model.trainableParameters()).hasSize(2 * perLayer + (config.tiedEmbeddings() ? 2 : 3));
        model.trainableParameters().forEach((name, tensor) -> {
            double[] expected = FiniteDifferences.gradient(
                    reference.parameter(name), 1e-4, () -> meanLoss(reference, tokens, targets, 5));
            FiniteDifferences.assertClose(name, tensor.gradient().array(), expected, 1e-4);
        });
    }

    @Test
    void textsOfDifferentLengthsShareAPass() {
        Transformer model = TinyModels.random(TinyModels.config(false, true, false), 3);
        int[] tokens = {1, 5, 9, 1, 7, 7, 0, 12, 1};
        int[] positions = {0, 1, 2, 0, 1, 2, 3, 4, 0};
        List<ForwardContext.Span> spans = List.of(
                new ForwardContext.Span(0, 3, null, new Visibility.Causal(positions, 0)),
                new ForwardContext.Span(3, 5, null, new Visibility.Causal(positions, 3)),
                new ForwardContext.Span(8, 1, null, new Visibility.Causal(positions, 8)));
        int[] targets = {5, 9, 1, 7, 7, 0, 12, 3, 4};

        Tape tape = new Tape();
        tape.record(
                () -> ops.crossEntropy(model.forward(new ForwardContext(ops, tokens, positions, spans)), targets, 1));
        tape.backward();

        ReferenceLlama reference = new ReferenceLlama(model);
        model.trainableParameters().forEach((name, tensor) -> {
            double[] expected = FiniteDifferences.gradient(reference.parameter(name), 1e-4, () -> {
                double sum = 0;
                for (ForwardContext.Span span : spans) {
                    int end = span.firstRow() + span.rows();
                    sum += Arrays.stream(reference.losses(
                                    Arrays.copyOfRange(tokens, span.firstRow(), end),
                                    Arrays.copyOfRange(targets, span.firstRow(), end)))
                            .sum();
                }
                return sum / 9;
            });
            FiniteDifferences.assertClose(name, tensor.gradient().array(), expected, 1e-4);
        });
    }

    @Test
    void tiedEmbeddingsLearnFromBothUses() {
        TransformerConfig config = TinyModels.config(true, false, false);
        Transformer model = TinyModels.random(config, 4);
        int[] tokens = {1, 5};
        Tape tape = new Tape();
        tape.record(() -> ops.crossEntropy(model.forward(ForwardContext.batch(ops, tokens, 2)), new int[] {5, 9}, 1));
        tape.backward();
        Tensor gradient =
                model.trainableParameters().get("model.embed_tokens.weight").gradient();
        // Token 1 is read and, as an alternative, predicted; token 12 is only ever an alternative.
        assertThat(Arrays.copyOfRange(gradient.array(), 12 * 8, 13 * 8)).doesNotContain(0f);
        assertThat(model.output().weight()).isSameAs(model.embedding());
    }

    @Test
    void frozenWeightsPassTheGradientOn() {
        Transformer model = TinyModels.random(TinyModels.config(false, false, false), 5);
        Transformer frozen = model.copy();
        Linear first = frozen.linears().getFirst();
        frozen.linears().stream()
                .filter(linear -> linear != first)
                .forEach(linear -> linear.setWeight(DenseStorage.of(DataType.F32, linear.weight())));
        int[] tokens = {1, 5, 9, 5};
        int[] targets = {5, 9, 5, 3};
        for (Transformer each : List.of(model, frozen)) {
            Tape tape = new Tape();
            tape.record(() -> ops.crossEntropy(each.forward(ForwardContext.batch(ops, tokens, 4)), targets, 1));
            tape.backward();
        }
        // The first layer's weights are one tensor in both, so its gradient has arrived twice.
        String name = first.name() + ".weight";
        Tensor twice = model.trainableParameters().get(name).gradient();
        ReferenceLlama reference = new ReferenceLlama(model);
        double[] expected = FiniteDifferences.gradient(
                reference.parameter(name), 1e-4, () -> 2 * meanLoss(reference, tokens, targets, 4));
        FiniteDifferences.assertClose(name, twice.array(), expected, 1e-4);
    }

    @ParameterizedTest
    @MethodSource("variants")
    void everyWayToReadATextGivesTheSameLogits(TransformerConfig config) {
        Transformer model = TinyModels.random(config, 6);
        int[] tokens = tokens(150);
        double[][] expected = new ReferenceLlama(model).logits(tokens);

        assertSame(model.forward(ForwardContext.batch(ops, tokens, 150)), expected);
        for (int[] pieces : new int[][] {{150}, {1}, {7}, {64, 65, 21}, {63, 1, 2}}) {
            Sequence sequence = model.newSequence();
            for (int first = 0, piece = 0; first < tokens.length; piece++) {
                int count = Math.min(pieces[piece % pieces.length], tokens.length - first);
                Tensor logits = model.forward(
                        ForwardContext.next(ops, sequence, Arrays.copyOfRange(tokens, first, first + count)));
                sequence.commit(count);
                assertSame(logits, Arrays.copyOfRange(expected, first, first + count));
                first += count;
            }
            assertThat(sequence.length()).isEqualTo(150);
        }
    }

    @Test
    void sequencesOfDifferentLengthsDecodeTogether() {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 7);
        ReferenceLlama reference = new ReferenceLlama(model);
        int[] longer = tokens(9);
        int[] shorter = {1, 4, 4};
        Sequence first = read(model, longer);
        Sequence second = read(model, shorter);
        int[] positions = {9, 10, 3};
        ForwardContext together = new ForwardContext(
                ops,
                new int[] {5, 6, 7},
                positions,
                List.of(
                        new ForwardContext.Span(0, 2, first, new Visibility.Causal(positions, 0)),
                        new ForwardContext.Span(2, 1, second, new Visibility.Causal(positions, 2))));
        Tensor logits = model.forward(together);
        int[] longerRead = Arrays.copyOf(longer, 11);
        longerRead[9] = 5;
        longerRead[10] = 6;
        double[][] ofLonger = reference.logits(longerRead);
        double[][] ofShorter = reference.logits(1, 4, 4, 7);
        assertSame(logits, new double[][] {ofLonger[9], ofLonger[10], ofShorter[3]});
    }

    @Test
    void rolledBackTokensAreForgotten() {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 8);
        Sequence sequence = read(model, 1, 5, 9);
        model.forward(ForwardContext.next(ops, sequence, 3, 3, 3));
        sequence.rollback();
        assertThat(sequence.length()).isEqualTo(3);
        Tensor logits = model.forward(ForwardContext.next(ops, sequence, 6));
        assertSame(logits, new double[][] {new ReferenceLlama(model).logits(1, 5, 9, 6)[3]});
    }

    @Test
    void aPathOfATokenTreeCanBeKept() {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 9);
        Sequence sequence = read(model, 1, 5, 9);
        // Rows 0 and 1 are alternatives for position 3; rows 2, 3 continue row 0 and row 4 continues row 1.
        int[] parents = {-1, -1, 0, 0, 1};
        int[] tree = {3, 4, 6, 7, 8};
        int[] positions = {3, 3, 4, 4, 4};
        Visibility paths = (query, tile, key) -> {
            int row = tile.row(key);
            for (int ancestor = query; ancestor >= 0; ancestor = parents[ancestor]) {
                if (ancestor == row) {
                    return true;
                }
            }
            return row < 0;
        };
        Tensor logits = model.forward(
                new ForwardContext(ops, tree, positions, List.of(new ForwardContext.Span(0, 5, sequence, paths))));
        ReferenceLlama reference = new ReferenceLlama(model);
        assertSame(logits, new double[][] {
            reference.logits(1, 5, 9, 3)[3],
            reference.logits(1, 5, 9, 4)[3],
            reference.logits(1, 5, 9, 3, 6)[4],
            reference.logits(1, 5, 9, 3, 7)[4],
            reference.logits(1, 5, 9, 4, 8)[4]
        });
        sequence.commit(new int[] {1, 4});
        assertThat(sequence.length()).isEqualTo(5);
        Tensor next = model.forward(ForwardContext.next(ops, sequence, 2));
        assertSame(next, new double[][] {reference.logits(1, 5, 9, 4, 8, 2)[5]});
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 13})
    void aTokenOutsideTheVocabularyIsRefused(int token) {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 10);
        assertThatThrownBy(() -> model.forward(ForwardContext.batch(ops, new int[] {1, token}, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("token " + token);
    }

    @Test
    void gradientsThroughACacheAreRefused() {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 10);
        Sequence sequence = model.newSequence();
        assertThatThrownBy(() -> new Tape().record(() -> model.forward(ForwardContext.next(ops, sequence, 1))))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aCopyChangesAlone() {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false), 11);
        Transformer copy = model.copy();
        Linear changed = copy.linears().get(3);
        changed.setWeight(DenseStorage.of(DataType.F16, changed.weight()));
        assertThat(model.linears().get(3).weight().format()).isEqualTo("f32");
        assertThat(copy.bytes()).isEqualTo(model.bytes() - 2L * changed.inputs() * changed.outputs());
        assertThat(model.bytes()).isEqualTo(4 * model.config().parameters());
    }

    private Sequence read(Transformer model, int... tokens) {
        Sequence sequence = model.newSequence();
        model.forward(ForwardContext.next(ops, sequence, tokens));
        sequence.commit(tokens.length);
        return sequence;
    }

    private static int[] tokens(int count) {
        SplittableRandom random = new SplittableRandom(count);
        return random.ints(count, 0, 13).toArray();
    }

    private static double meanLoss(ReferenceLlama reference, int[] tokens, int[] targets, int length) {
        double sum = 0;
        for (int first = 0; first < tokens.length; first += length) {
            sum += Arrays.stream(reference.losses(
                            Arrays.copyOfRange(tokens, first, first + length),
                            Arrays.copyOfRange(targets, first, first + length)))
                    .sum();
        }
        return sum / Arrays.stream(targets).filter(target -> target >= 0).count();
    }

    private static void assertSame(Tensor actual, double[][] expected) {
        assertThat(actual.rows()).isEqualTo(expected.length);
        double[] logits = new double[actual.size()];
        double[] reference = new double[actual.size()];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = actual.array()[i];
            reference[i] = expected[i / actual.columns()][i % actual.columns()];
        }
        assertThat(logits).containsExactly(reference, within(1e-5));
    }
}
