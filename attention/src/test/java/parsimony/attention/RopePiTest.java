package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class RopePiTest extends TechniqueContract<RopePi.Options> {
    @Override
    protected Technique<RopePi.Options> technique() {
        return new RopePi();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("factor=0.5", "factor=inf");
    }

    /** Queries and keys are turned before they are stored, so that reading on gives what reading at once does. */
    @Test
    void aTextThatIsReadOnIsReadTheSame() {
        Transformer model = WholeModel.with(WholeModel.random(WholeModel.CONFIG), "rope-pi");
        new WholeModel(new ScalarBackend()).assertSame(model, WholeModel.with(model, "naive"), 90);
    }
}
