package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

class AlibiTest extends TechniqueContract<Alibi.Options> {
    @Override
    protected Technique<Alibi.Options> technique() {
        return new Alibi();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of();
    }

    @Test
    void slopesAreThoseOfThePaper() {
        double[] eight =
                IntStream.range(0, 8).mapToDouble(head -> Alibi.slope(head, 8)).toArray();
        assertThat(eight).containsExactly(0.5, 0.25, 0.125, 1 / 16.0, 1 / 32.0, 1 / 64.0, 1 / 128.0, 1 / 256.0);
        double[] twelve = IntStream.range(8, 12)
                .mapToDouble(head -> Alibi.slope(head, 12))
                .toArray();
        double[] between = {Math.pow(2, -0.5), Math.pow(2, -1.5), Math.pow(2, -2.5), Math.pow(2, -3.5)};
        assertThat(twelve).containsExactly(between, within(1e-12));
        assertThat(Alibi.slope(0, 1)).isEqualTo(1 / 256.0);
    }

    @Test
    void everyKernelTakesTheBias() {
        Transformer model = WholeModel.with(WholeModel.random(WholeModel.CONFIG), "alibi");
        new WholeModel(new ScalarBackend()).assertSame(model, WholeModel.with(model, "naive"), 90);
    }

    /** With keys that are all alike, what is left of the scores is the distance. */
    @Test
    void nearTokensWeighMore() {
        Transformer plain = WholeModel.random(WholeModel.CONFIG);
        for (Linear linear : plain.linears()) {
            if (linear.name().endsWith("k_proj")) {
                linear.setWeight(new TensorStorage(Tensor.zeros(linear.outputs(), linear.inputs())));
            }
        }
        WholeModel whole = new WholeModel(new ScalarBackend());
        int[] text = WholeModel.text(60);
        float[] biased = whole.atOnce(WholeModel.with(plain, "alibi"), text);
        // Without the bias every token weighs the same and far ones drown the near; nothing else differs.
        assertThat(biased).isNotEqualTo(whole.atOnce(plain, text));
    }
}
