package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class NaiveTest extends TechniqueContract<Naive.Options> {
    @Override
    protected Technique<Naive.Options> technique() {
        return new Naive();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of();
    }

    @Test
    void modelsAreMadeWithTheFasterKernel() {
        Transformer model = WholeModel.random(WholeModel.CONFIG);
        assertThat(((LlamaBlock) model.blocks().get(0)).attention().kernel()).isInstanceOf(FlashAttention.class);
        new WholeModel(new ScalarBackend()).assertSame(model, WholeModel.with(model, "naive"), 90);
    }
}
