package parsimony.attention;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class SlidingWindowTest extends TechniqueContract<SlidingWindow.Options> {
    @Override
    protected Technique<SlidingWindow.Options> technique() {
        return new SlidingWindow();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("window=0");
    }

    @Test
    void skipsWhatThePatternHides() {
        PatternChecks.check("sliding-window:window=7", (query, key) -> query - key < 7);
    }
}
