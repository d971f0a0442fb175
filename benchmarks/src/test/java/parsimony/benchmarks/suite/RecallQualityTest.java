package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.io.LanguageModel;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

/** What each policy forgets of an identifier that was declared a whole context ago, on the embedded model. */
@Tag("slow")
class RecallQualityTest {
    /**
     * Bits of the identifier at its use in 32 texts of 1023 tokens, of weights that had read a seventh of the text that today's have, read token by token: 53.8 with the full cache, 68.0 where another one was declared, and
     * with half of the entries 58.0 by H2O, 70.2 by Scissorhands, 70.4 by StreamingLLM, 70.4 by a window; with a fifth of them H2O needs 62.7. KIVI needs 54.3 with 2 bits. So heavy hitters
     * keep what neighbours cannot say, though they lose more on ordinary text.
     */
    @Test
    void heavyHittersRememberADeclarationThatAWindowForgets() throws IOException {
        LanguageModel model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
        Needles needles = Needles.of(model, JavaText.heldOut(), 32, 1023, 1);
        try (Backend backend = Backends.create("vector", Runtime.getRuntime().availableProcessors())) {
            Ops ops = new Ops(backend);
            double full = needles.bits(ops, model.transformer());
            double undeclared = needles.bitsUndeclared(ops, model.transformer());
            double gain = undeclared - full;
            assertThat(gain).isGreaterThan(5);
            assertThat(recalled("quantized:bits=2", needles, model, ops, undeclared) / gain)
                    .isGreaterThan(0.9);
            assertThat(recalled("h2o:heavy=256,recent=256", needles, model, ops, undeclared) / gain)
                    .isGreaterThan(0.5);
            assertThat(recalled("window:recent=512", needles, model, ops, undeclared) / gain)
                    .isLessThan(0.1);
        }
    }

    private static double recalled(String cache, Needles needles, LanguageModel model, Ops ops, double undeclared) {
        TechniqueContext context = TechniqueContext.of(ops.backend());
        return undeclared - needles.bits(ops, TechniqueSpec.parse(cache).apply(model.transformer(), context));
    }
}
