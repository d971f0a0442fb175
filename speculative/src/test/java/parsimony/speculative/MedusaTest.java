package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class MedusaTest extends TechniqueContract<Medusa.Options> {
    @Override
    protected Technique<Medusa.Options> technique() {
        return new Medusa();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("heads=0", "nodes=0", "typical=2", "epsilon=2", "delta=-1", "epochs=0");
    }
}
