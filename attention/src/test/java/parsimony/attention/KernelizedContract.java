package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionKernel.Scoring;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.Visibility;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueException;

/** What every technique that exchanges the softmax for features must do. */
abstract class KernelizedContract<O extends Record> extends TechniqueContract<O> {
    /** The technique with its options, small enough for a test. */
    abstract String spec();

    /** The features of a head of {@link KernelizedChecks#SIZE} numbers. */
    abstract FeatureMap features();

    private Transformer model() {
        return WholeModel.with(WholeModel.random(WholeModel.CONFIG), spec());
    }

    /** Trained in chunks, read at once, in pieces of any length, or token by token from the state: the same numbers. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 63, 64, 65, 150})
    void theStateKnowsWhatTheTextWas(int length) {
        Transformer model = model();
        WholeModel whole = new WholeModel(new ScalarBackend());
        int[] text = WholeModel.text(length);
        float[] atOnce = whole.atOnce(model, text);
        assertThat(whole.pieceByPiece(model, text)).containsExactly(atOnce, within(2e-4f));
        assertThat(whole.pieceByPiece(model, text, length / 2, 5, 30)).containsExactly(atOnce, within(2e-4f));
    }

    @Test
    void memoryDoesNotGrowWithTheText() {
        Transformer model = model();
        Sequence sequence = model.newSequence();
        Ops ops = new Ops(new ScalarBackend());
        model.read(ops, sequence, WholeModel.text(3));
        long bytes = sequence.bytes();
        model.read(ops, sequence, WholeModel.text(100));
        assertThat(sequence.bytes()).isEqualTo(bytes);
    }

    @Test
    void aPathOfATokenTreeCanBeKept() {
        Transformer model = model();
        Ops ops = new Ops(new ScalarBackend());
        Sequence sequence = model.newSequence();
        model.read(ops, sequence, 1, 5, 9);
        model.forward(ForwardContext.next(ops, sequence, 3, 3));
        sequence.rollback();
        // Two alternatives for position 3, of which the second is kept.
        Visibility alone = (query, tile, key) -> query == key;
        model.forward(new ForwardContext(
                ops, new int[] {3, 4}, new int[] {3, 3}, List.of(new ForwardContext.Span(0, 2, sequence, alone))));
        sequence.commit(new int[] {1});
        float[] next = model.read(ops, sequence, 8).array();
        float[] expected = model.read(ops, model.newSequence(), 1, 5, 9, 4, 8).array();
        assertThat(next).containsExactly(expected, within(2e-4f));
        model.forward(ForwardContext.next(ops, sequence, 3, 3));
        assertThatThrownBy(() -> sequence.commit(new int[] {2})).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void gradientsAreThoseOfDifferences() {
        KernelizedChecks.gradientsAreThoseOfDifferences(features());
    }

    @Test
    void refusesScoresThatAreBiasedOrCapped() {
        int[] text = WholeModel.text(5);
        WholeModel whole = new WholeModel(new ScalarBackend());
        Transformer biased = WholeModel.with(model(), "alibi");
        assertThatThrownBy(() -> whole.atOnce(biased, text))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("alibi");
        assertThatThrownBy(() -> whole.pieceByPiece(biased, text)).isInstanceOf(TechniqueException.class);
        assertThatThrownBy(() ->
                        KernelizedChecks.output(new KernelizedAttention("test", features()), 1, new Scoring(1, 30, 0)))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("capped");
    }
}
