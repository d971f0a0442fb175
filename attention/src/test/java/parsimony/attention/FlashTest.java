package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class FlashTest extends TechniqueContract<Flash.Options> {
    @Override
    protected Technique<Flash.Options> technique() {
        return new Flash();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("queries=0", "keys=-1");
    }

    @Test
    void computesWhatTheTextbookDoes() {
        Transformer model = WholeModel.random(WholeModel.CONFIG);
        new WholeModel(new ScalarBackend())
                .assertSame(WholeModel.with(model, "flash:queries=16,keys=24"), WholeModel.with(model, "naive"), 90);
    }
}
