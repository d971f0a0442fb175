package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class JacobiTest extends TechniqueContract<Jacobi.Options> {
    @Override
    protected Technique<Jacobi.Options> technique() {
        return new Jacobi();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("tokens=0");
    }
}
