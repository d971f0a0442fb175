package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class FlashDecodingTest extends TechniqueContract<FlashDecoding.Options> {
    @Override
    protected Technique<FlashDecoding.Options> technique() {
        return new FlashDecoding();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("split=0");
    }

    @Test
    void computesWhatTheTextbookDoes() {
        Transformer model = WholeModel.random(WholeModel.CONFIG);
        new WholeModel(new ScalarBackend())
                .assertSame(WholeModel.with(model, "flash-decoding:split=7"), WholeModel.with(model, "naive"), 90);
    }
}
