package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.io.ModelSynthesizer;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

class LargeModelTest {
    /** Bytes of keys and values of a token in both layers. */
    private static final int TOKEN_BYTES = 512;

    private final LargeModel large = LargeModel.of(ModelSynthesizer.Shape.TINY.config(), 1);
    private final Backend backend = Backends.create("scalar", 1);

    private Transformer apply(String spec, int context) {
        return TechniqueSpec.parse(spec).apply(large.withContext(context), TechniqueContext.of(backend));
    }

    @Test
    void aCacheIsFilledAsIfTheTokensHadBeenRead() {
        Transformer full = apply("full", 1000);
        Transformer window = apply("window:recent=0.5", 1000);
        assertThat(large.bytes(full, 300)).isEqualTo(300 * TOKEN_BYTES);
        assertThat(large.bytes(window, 1000)).isBetween(500L * TOKEN_BYTES, 900L * TOKEN_BYTES);
        try (Sequence sequence = full.newSequence()) {
            large.fill(full, sequence, 300);
            assertThat(sequence.length()).isEqualTo(300);
            float[] logits = full.forward(ForwardContext.next(new Ops(backend), sequence, 7))
                    .array();
            assertThat(logits).hasSize(512);
            for (float logit : logits) {
                assertThat(logit).isFinite();
            }
        }
        assertThat(large.decodeRatio(new Ops(backend), window, full, 300, 4)).isPositive();
    }

    /** The full cache reserves the context for each; pages are taken when they are needed: of 16 tokens, 7 for a text of 100 and 44 for one of 700. */
    @Test
    void moreSequencesFitWherePagesAreTakenAsTheyAreNeeded() {
        int[] lengths = {100, 700};
        long limit = 4 * 2048 * TOKEN_BYTES;
        assertThat(large.sequencesThatFit(apply("full", 2048), lengths, false, limit))
                .isEqualTo(4);
        assertThat(large.sequencesThatFit(apply("paged:limit=" + limit, 2048), lengths, true, limit))
                .isEqualTo(2 * (4 * 2048 / 16 / (7 + 44)));
        assertThat(large.sequencesThatFit(apply("paged:limit=" + limit, 200), lengths, true, limit))
                .as("longer texts are cut at the context, and what 25 pairs leave is enough for a short one")
                .isEqualTo(2 * (4 * 2048 / 16 / (7 + 13)) + 1);
    }
}
