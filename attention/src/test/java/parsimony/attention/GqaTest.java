package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Linear;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

class GqaTest extends TechniqueContract<Gqa.Options> {
    private static final TransformerConfig FOUR_HEADS = new TransformerConfig(
            30, 32, 48, 2, 8, 4, 8, 64, 1e-5f, new TransformerConfig.RopeConfig(100, false, null), true, true, 1, 2);

    @Override
    protected Technique<Gqa.Options> technique() {
        return new Gqa();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("groups=0");
    }

    /** Heads are averaged, whatever else was zero in them. */
    @Override
    protected boolean keepsZeros() {
        return false;
    }

    @Test
    void asManyGroupsAsHeadsChangeNothing() {
        Transformer model = WholeModel.random(FOUR_HEADS);
        WholeModel whole = new WholeModel(new ScalarBackend());
        int[] text = WholeModel.text(20);
        assertThat(whole.atOnce(WholeModel.with(model, "gqa:groups=4"), text))
                .containsExactly(whole.atOnce(model, text));
    }

    @Test
    void aGroupIsTheMeanOfItsHeads() {
        Transformer model = WholeModel.random(FOUR_HEADS);
        Transformer shared = WholeModel.with(model, "gqa:groups=2");
        assertThat(shared.config().keyValueHeads()).isEqualTo(2);
        for (int i = 0; i < model.linears().size(); i++) {
            Linear before = model.linears().get(i);
            Linear after = shared.linears().get(i);
            if (before.name().endsWith("k_proj") || before.name().endsWith("v_proj")) {
                float[] heads = before.weight().decode().array();
                float[] pooled = after.weight().decode().array();
                int size = 8 * before.inputs();
                for (int j = 0; j < pooled.length; j++) {
                    int first = 2 * (j / size) * size + j % size;
                    assertThat(pooled[j]).isCloseTo((heads[first] + heads[first + size]) / 2, within(1e-6f));
                }
                float[] bias = after.bias().array();
                assertThat(bias[3])
                        .isCloseTo((before.bias().array()[3] + before.bias().array()[11]) / 2, within(1e-6f));
            } else {
                assertThat(after.weight()).isSameAs(before.weight());
            }
        }
    }

    /** Where the heads of a group are equal, nothing is lost by sharing them, in the cache neither. */
    @Test
    void equalHeadsAreSharedWithoutLoss() {
        Transformer model = WholeModel.random(FOUR_HEADS);
        Transformer shared = WholeModel.with(model, "gqa:groups=2");
        Transformer repeated = model.copy();
        for (int i = 0; i < model.linears().size(); i++) {
            Linear linear = repeated.linears().get(i);
            if (linear.name().endsWith("k_proj") || linear.name().endsWith("v_proj")) {
                float[] pooled = shared.linears().get(i).weight().decode().array();
                float[] bias = shared.linears().get(i).bias().array();
                Tensor weights = Tensor.zeros(linear.outputs(), linear.inputs());
                Tensor biases = Tensor.zeros(linear.outputs());
                for (int row = 0; row < linear.outputs(); row++) {
                    int from = row / 16 * 8 + row % 8;
                    System.arraycopy(
                            pooled, from * linear.inputs(), weights.array(), row * linear.inputs(), linear.inputs());
                    biases.array()[row] = bias[from];
                }
                linear.setWeight(new TensorStorage(weights));
                linear.setBias(biases);
            }
        }
        WholeModel whole = new WholeModel(new ScalarBackend());
        int[] text = WholeModel.text(40);
        assertThat(whole.pieceByPiece(shared, text, 20, 3))
                .containsExactly(whole.atOnce(repeated, text), within(1e-4f));
    }

    @Test
    void groupsMustDivideTheHeads() {
        assertThatThrownBy(() -> WholeModel.with(WholeModel.random(FOUR_HEADS), "gqa:groups=3"))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("3 groups");
    }

    @Test
    void adaptersAreNotLostInSilence() {
        Transformer model = WholeModel.random(FOUR_HEADS);
        ((LlamaBlock) model.blocks().get(1)).setLearnedPrefix((context, index, block) -> null);
        assertThatThrownBy(() -> WholeModel.with(model, "gqa:groups=2"))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("adapters");
    }
}
