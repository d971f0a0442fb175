package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class RopeDynamicNtkTest extends TechniqueContract<RopeDynamicNtk.Options> {
    @Override
    protected Technique<RopeDynamicNtk.Options> technique() {
        return new RopeDynamicNtk();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("alpha=0", "context=-5");
    }

    /** Up to the context that the model knows nothing changes; beyond it everything does. */
    @Test
    void shortTextsLoseNothing() {
        Transformer model = WholeModel.random(WholeModel.CONFIG);
        Transformer changed = WholeModel.with(model, "rope-dynamic-ntk:context=40");
        WholeModel whole = new WholeModel(new ScalarBackend());
        whole.assertSame(changed, model, 40);
        int[] text = WholeModel.text(41);
        assertThat(whole.atOnce(changed, text)).isNotEqualTo(whole.atOnce(model, text));
    }
}
