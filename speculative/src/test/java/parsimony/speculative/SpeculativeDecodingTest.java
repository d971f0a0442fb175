package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;

class SpeculativeDecodingTest extends DraftedContract<SpeculativeDecoding.Options> {
    @Override
    protected Technique<SpeculativeDecoding.Options> technique() {
        return new SpeculativeDecoding();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("tokens=0", "adaptive=2");
    }

    @Override
    List<String> small() {
        return List.of("speculative:draft=%s", "speculative:tokens=2,adaptive=true,draft=%s");
    }
}
