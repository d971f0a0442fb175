package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

class LlmPrunerTest extends TechniqueContract<LlmPruner.Options> {
    private static final int[] TEXT = new SplittableRandom(1).ints(24, 0, 40).toArray();

    private final Ops ops = new Ops(new ScalarBackend());
    private final TechniqueContext context =
            TechniqueContext.of(ops.backend()).withCalibration(List.of(TEXT, TEXT.clone()));

    @Override
    protected Technique<LlmPruner.Options> technique() {
        return new LlmPruner();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("ratio=1", "ratio=-0.1", "importance=none", "importance=element3");
    }

    /** Structures go, whatever else was zero in them. */
    @Override
    protected boolean keepsZeros() {
        return false;
    }

    private static Transformer model(int heads, int keyValueHeads) {
        return Transformer.random(
                new TransformerConfig(
                        40,
                        24,
                        50,
                        2,
                        heads,
                        keyValueHeads,
                        6,
                        32,
                        1e-5f,
                        new TransformerConfig.RopeConfig(10000, false, null),
                        true,
                        true,
                        -1,
                        -1),
                3);
    }

    private Transformer prune(Transformer model, double ratio, LlmPruner.Importance importance) {
        return new LlmPruner().apply(model, new LlmPruner.Options(ratio, importance), context);
    }

    @ParameterizedTest
    @CsvSource({
        // 24 channels of heads: 5 go, less than one head; 12 go, two heads; 23 go, three.
        "4, 4, 0.2, 4, 4, 40",
        "4, 4, 0.5, 2, 2, 25",
        "4, 4, 0.99, 1, 1, 1",
        "4, 2, 0.5, 2, 1, 25",
        "4, 4, 0, 4, 4, 50"
    })
    void theRestIsADenseModel(
            int heads, int keyValueHeads, double ratio, int headsLeft, int keyValueHeadsLeft, int channelsLeft) {
        Transformer result = prune(model(heads, keyValueHeads), ratio, LlmPruner.Importance.ELEMENT2);
        assertThat(result.config().heads()).isEqualTo(headsLeft);
        assertThat(result.config().keyValueHeads()).isEqualTo(keyValueHeadsLeft);
        assertThat(result.config().intermediateSize()).isEqualTo(channelsLeft);
        assertThat(result.config().hiddenSize()).isEqualTo(24);
        long numbers = result.matrices().values().stream()
                        .mapToLong(matrix -> (long) matrix.rows() * matrix.columns())
                        .sum()
                + result.vectors().values().stream().mapToLong(Tensor::size).sum();
        assertThat(numbers).isEqualTo(result.config().parameters());
        assertThat(logits(result)).hasSize(TEXT.length * 40).doesNotContain(Float.NaN);
    }

    /** A structure whose outgoing weights are zero adds nothing to the model and has no gradient upstream. */
    @ParameterizedTest
    @EnumSource(LlmPruner.Importance.class)
    void whatDoesNothingGoesFirstAndIsNotMissed(LlmPruner.Importance importance) {
        Transformer model = model(4, 4);
        for (Linear linear : model.linears()) {
            boolean heads = linear.name().endsWith("o_proj");
            if (heads || linear.name().endsWith("down_proj")) {
                Tensor weights = linear.weight().decode();
                for (int i = 0; i < weights.size(); i++) {
                    int column = i % weights.columns();
                    // Heads 1 and 3; every second channel.
                    weights.array()[i] *= (heads ? column / 6 : column) % 2 == 1 ? 0 : 1;
                }
                linear.setWeight(new TensorStorage(weights));
            }
        }
        float[] expected = logits(model);
        Transformer result = prune(model, 0.5, importance);
        float[] actual = logits(result);
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(1e-5f));
        }
        Tensor before = model.linears().get(6).weight().decode();
        Tensor after = result.linears().get(6).weight().decode();
        assertThat(after.array()[1]).isEqualTo(before.array()[2]);
    }

    @Test
    void aModelThatWasPrunedIsPrunedOn() {
        Transformer once = prune(model(4, 4), 0.5, LlmPruner.Importance.ELEMENT1);
        Transformer twice = prune(once, 0.5, LlmPruner.Importance.VECTOR);
        assertThat(twice.config().heads()).isEqualTo(1);
        assertThat(twice.config().intermediateSize()).isEqualTo(12);
    }

    @Test
    void needsText() {
        assertThatThrownBy(() -> new LlmPruner()
                        .apply(model(4, 4), new LlmPruner().defaults(), TechniqueContext.of(ops.backend())))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("calibration text");
    }

    private float[] logits(Transformer model) {
        return model.forward(ForwardContext.batch(ops, TEXT, TEXT.length)).array();
    }
}
