package parsimony.core.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.TransformerConfig.RopeConfig;

class AttentionDesignTest {
    private static final TransformerConfig CONFIG = new TransformerConfig(
            20, 16, 24, 2, 4, 2, 4, 32, 1e-5f, new RopeConfig(10000, false, null), true, false, 0, 1);

    private final Ops ops = new Ops(new ScalarBackend());

    @Test
    void exchangedPartsAreUsedByTheCopyAlone() {
        Transformer model = Transformer.random(CONFIG, 3);
        float[] before = read(model);
        List<ContiguousKvCache> made = new ArrayList<>();
        Transformer changed = model.copy();
        for (Block block : changed.blocks()) {
            LlamaBlock llama = (LlamaBlock) block;
            llama.setAttention(llama.attention()
                    .withCache((heads, headSize) -> {
                        made.add(new ContiguousKvCache(heads, headSize));
                        return made.getLast();
                    })
                    .withPositions(new Rope(new double[2], 1, false)));
        }
        assertThat(read(changed)).isNotEqualTo(before);
        assertThat(made).hasSize(2);
        assertThat(read(model)).isEqualTo(before);
    }

    private float[] read(Transformer model) {
        return model.read(ops, model.newSequence(), 0, 5, 7, 5).array();
    }
}
