package parsimony.speculative;

import java.util.List;
import parsimony.core.technique.Technique;

class SpecInferTest extends DraftedContract<SpecInfer.Options> {
    @Override
    protected Technique<SpecInfer.Options> technique() {
        return new SpecInfer();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("branches=2/0");
    }

    @Override
    List<String> small() {
        return List.of("spec-infer:drafts=%s", "spec-infer:branches=1/2,drafts=%s");
    }
}
