package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;

class WindowTest extends CacheContract<Window.Options> {
    @Override
    protected Technique<Window.Options> technique() {
        return new Window();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("recent=0", "recent=1.5", "recent=many", "recent=none", "length=0");
    }

    @Override
    List<String> small() {
        return List.of("window:recent=8");
    }

    @Override
    String large() {
        return "window:recent=40";
    }

    @Test
    void aLayerSeesTheNewestEntriesAtTheirOwnDistances() {
        Transformer oneLayer = OneLayer.model();
        Transformer cached = apply("window:recent=8", oneLayer);
        int[] text = tokens(5, 60);
        try (Sequence sequence = cached.newSequence()) {
            for (int i = 0; i < text.length; i++) {
                int[] seen = Arrays.copyOfRange(text, Math.max(0, i - 8), i + 1);
                assertThat(next(cached, sequence, text[i]))
                        .as("token " + i)
                        .containsExactly(OneLayer.last(oneLayer, seen), within(1e-4f));
            }
        }
    }

    @Test
    void aShareIsOfTheContextOrTheLengthThatIsStated() {
        // The model's context is 64 tokens.
        assertThat(held("window:recent=0.25")).isEqualTo(16);
        assertThat(held("window:recent=0.25,length=30")).isEqualTo(7);
        assertThat(held("window:recent=0.001")).isEqualTo(1);
        assertThat(held("window:recent=25")).isEqualTo(25);
    }

    private int held(String spec) {
        return OneLayer.entries(apply(spec), 50);
    }
}
