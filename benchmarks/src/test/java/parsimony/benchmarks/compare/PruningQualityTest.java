package parsimony.benchmarks.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

/** Which pruning loses less, on the embedded model and text that no model was trained on. */
@Tag("slow")
class PruningQualityTest {
    private static final List<String> PATTERNS = List.of("sparsity=0.5", "pattern=4:8", "pattern=2:4");

    private static Backend backend;
    private static LanguageModel model;
    private static HeldOutText text;
    private static TechniqueContext context;

    @BeforeAll
    static void open() throws IOException {
        backend = new VectorBackend(Runtime.getRuntime().availableProcessors());
        model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
        text = HeldOutText.of("held out", JavaText.sample(JavaText.heldOut(), 50_000, 1), model.tokenizer());
        context = TechniqueContext.of(backend)
                .withCalibration(Calibration.windows(JavaText.calibration(), model.tokenizer(), 32, 512, 1))
                .withSeed(1);
    }

    @AfterAll
    static void close() {
        backend.close();
    }

    private static double bitsPerByte(String spec) {
        Transformer pruned = TechniqueSpec.parse(spec).apply(model.transformer(), context);
        return new Evaluator(new Ops(backend), 1024)
                .evaluate(pruned, text, Evaluator.Progress.SILENT)
                .bitsPerByte();
    }

    @Test
    void whoKnowsMoreLosesLessAndPatternsCost() {
        double[] magnitude = PATTERNS.stream()
                .mapToDouble(pattern -> bitsPerByte("magnitude:" + pattern))
                .toArray();
        double[] wanda = PATTERNS.stream()
                .mapToDouble(pattern -> bitsPerByte("wanda:" + pattern))
                .toArray();
        double[] sparseGpt = PATTERNS.stream()
                .mapToDouble(pattern -> bitsPerByte("sparsegpt:" + pattern))
                .toArray();
        assertThat(magnitude).isSorted();
        assertThat(wanda).isSorted();
        assertThat(sparseGpt).isSorted();
        for (int i = 0; i < magnitude.length; i++) {
            assertThat(wanda[i]).as(PATTERNS.get(i)).isLessThan(magnitude[i]);
            assertThat(sparseGpt[i]).as(PATTERNS.get(i)).isLessThan(wanda[i]);
        }
    }

    @Test
    void onlyALowRankThatLooksAtTheInputsIsOfUse() {
        assertThat(bitsPerByte("svd:ratio=0.2")).isLessThan(bitsPerByte("svd:ratio=0.2,weighted=false"));
    }
}
