package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class LookaheadTest extends TechniqueContract<Lookahead.Options> {
    @Override
    protected Technique<Lookahead.Options> technique() {
        return new Lookahead();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("window=0", "ngram=1", "proposals=0");
    }
}
