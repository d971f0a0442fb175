package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class LongformerTest extends TechniqueContract<Longformer.Options> {
    @Override
    protected Technique<Longformer.Options> technique() {
        return new Longformer();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("window=0", "global=-1");
    }

    @Test
    void skipsWhatThePatternHides() {
        PatternChecks.check("longformer:window=5,global=2", (query, key) -> query - key < 5 || key < 2 || query < 2);
    }
}
