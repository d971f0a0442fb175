package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class PromptLookupTest extends TechniqueContract<PromptLookup.Options> {
    @Override
    protected Technique<PromptLookup.Options> technique() {
        return new PromptLookup();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("match=0", "tokens=0");
    }
}
