package parsimony.benchmarks.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.Backends;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.text.Tokenizer;

class NeedlesTest {
    private static final int LENGTH = 300;

    private final LanguageModel model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);

    NeedlesTest() throws IOException {}

    @Test
    void anIdentifierIsDeclaredEarlyAndUsedAtTheEndAndNowhereElse() throws IOException {
        Tokenizer tokenizer = model.tokenizer();
        List<Needles.Needle> needles = Needles.draw(tokenizer, JavaText.heldOut(), 10, LENGTH, 1);
        assertThat(needles).hasSize(10);
        for (Needles.Needle needle : needles) {
            assertThat(needle.declared()).hasSize(LENGTH);
            assertThat(needle.undeclared()).hasSize(LENGTH);
            int[] identifier = Arrays.copyOfRange(needle.declared(), LENGTH - needle.scored(), LENGTH);
            String name = tokenizer.decode(identifier).strip();
            String declared = tokenizer.decode(needle.declared());
            assertThat(declared.split("\\b" + name + "\\b", -1)).hasSize(6);
            assertThat(declared.substring(0, 300)).contains("private final Registry " + name + ";");
            assertThat(declared).endsWith("return " + name);
            String undeclared = tokenizer.decode(needle.undeclared());
            assertThat(undeclared.split("\\b" + name + "\\b", -1)).hasSize(2);
            int same = 150;
            assertThat(Arrays.copyOfRange(needle.declared(), same, LENGTH))
                    .containsExactly(Arrays.copyOfRange(needle.undeclared(), same, LENGTH));
        }
    }

    @Test
    void aTextThatIsTooShortIsRefused() throws IOException {
        assertThatThrownBy(() -> Needles.of(model, JavaText.heldOut(), 1, 40, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aWindowThatDoesNotReachTheDeclarationForgetsWhatTheFullCacheRecalls() throws IOException {
        Needles needles = Needles.of(model, JavaText.heldOut(), 6, LENGTH, 1);
        try (Backend backend = Backends.create("vector", 2)) {
            Ops ops = new Ops(backend);
            double full = needles.bits(ops, model.transformer());
            double undeclared = needles.bitsUndeclared(ops, model.transformer());
            Transformer window =
                    TechniqueSpec.parse("window:recent=50").apply(model.transformer(), TechniqueContext.of(backend));
            double forgotten = needles.bits(ops, window);
            assertThat(full).isLessThan(0.5 * undeclared);
            assertThat(forgotten).isGreaterThan(0.8 * undeclared);
        }
    }
}
