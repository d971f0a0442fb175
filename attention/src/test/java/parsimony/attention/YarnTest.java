package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class YarnTest extends TechniqueContract<Yarn.Options> {
    @Override
    protected Technique<Yarn.Options> technique() {
        return new Yarn();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("factor=0.9", "slow=0", "fast=1", "context=0");
    }

    /** Queries and keys are turned before they are stored, so that reading on gives what reading at once does. */
    @Test
    void aTextThatIsReadOnIsReadTheSame() {
        Transformer model = WholeModel.with(WholeModel.random(WholeModel.CONFIG), "yarn");
        new WholeModel(new ScalarBackend()).assertSame(model, WholeModel.with(model, "naive"), 90);
    }
}
