package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.model.AttentionKernel;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class BigBirdTest extends TechniqueContract<BigBird.Options> {
    @Override
    protected Technique<BigBird.Options> technique() {
        return new BigBird();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("block=0", "window=0", "global=-1", "random=-1");
    }

    @Test
    void skipsWhatThePatternHides() {
        // As in the technique's own context: seed 0.
        AttentionKernel kernel = PatternChecks.kernel("bigbird:block=4,window=2,global=1,random=2");
        assertThat(kernel.name()).isEqualTo("bigbird");
        BigBird.Pattern pattern = new BigBird.Pattern(new BigBird.Options(4, 2, 1, 2), 5);
        PatternChecks.check(new PatternAttention("bigbird", pattern, 16), pattern::sees);
    }

    @Test
    void blocksAreDrawnOnceAndForAll() {
        BigBird.Options options = new BigBird.Options(1, 3, 2, 3);
        BigBird.Pattern pattern = new BigBird.Pattern(options, 1);
        BigBird.Pattern other = new BigBird.Pattern(options, 2);
        int different = 0;
        for (int query = 0; query < 200; query++) {
            int seen = 0;
            for (int key = 0; key <= query; key++) {
                seen += pattern.sees(query, key) ? 1 : 0;
                different += pattern.sees(query, key) == other.sees(query, key) ? 0 : 1;
            }
            // The window, the global blocks and the random ones, of which a short text has fewer.
            assertThat(seen).as("query " + query).isEqualTo(query < 2 ? query + 1 : Math.min(query + 1, 8));
        }
        assertThat(different).isPositive();
    }
}
