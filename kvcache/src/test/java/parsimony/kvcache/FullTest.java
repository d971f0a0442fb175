package parsimony.kvcache;

import java.util.List;
import parsimony.core.technique.Technique;

class FullTest extends CacheContract<Full.Options> {
    @Override
    protected Technique<Full.Options> technique() {
        return new Full();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("recent=4");
    }

    @Override
    List<String> small() {
        return List.of("full");
    }

    @Override
    String large() {
        return "full";
    }
}
