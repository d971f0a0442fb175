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
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

/** Which method loses less, on the embedded model and text that no model was trained on. */
@Tag("slow")
class SecondOrderQualityTest {
    private static Backend backend;
    private static LanguageModel model;
    private static HeldOutText text;
    private static List<int[]> calibration;
    private static double dense;

    /** @param loss bits per byte more than the dense model needs, as a share of those */
    private record Result(double loss, double bits) {}

    @BeforeAll
    static void open() throws IOException {
        backend = new VectorBackend(Runtime.getRuntime().availableProcessors());
        model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
        text = HeldOutText.of("held out", JavaText.sample(JavaText.heldOut(), 100_000, 1), model.tokenizer());
        calibration = Calibration.windows(JavaText.calibration(), model.tokenizer(), 128, 512, 1);
        dense = bitsPerByte(model.transformer());
    }

    @AfterAll
    static void close() {
        backend.close();
    }

    private static Result run(String spec) {
        TechniqueContext context =
                TechniqueContext.of(backend).withCalibration(calibration).withSeed(1);
        Transformer compressed = TechniqueSpec.parse(spec).apply(model.transformer(), context);
        long bytes = 0;
        long weights = 0;
        for (Linear linear : compressed.linears()) {
            bytes += linear.weight().bytes();
            weights += (long) linear.outputs() * linear.inputs();
        }
        return new Result(bitsPerByte(compressed) / dense - 1, 8.0 * bytes / weights);
    }

    private static double bitsPerByte(Transformer transformer) {
        return new Evaluator(new Ops(backend), 1024)
                .evaluate(transformer, text, (scored, tokens, bits) -> {})
                .bitsPerByte();
    }

    @Test
    void gptqLosesFarLessThanRounding() {
        assertThat(run("gptq:bits=3,group=32").loss())
                .isLessThan(0.6 * run("rtn:bits=3,group=32").loss());
    }

    /** At equal bits: whole rows, for groups of 32 take half a bit more. */
    @Test
    void atTwoBitsIncoherenceIsWorthMuch() {
        Result quip = run("quip");
        Result gptq = run("gptq:bits=2");
        assertThat(quip.loss()).isLessThan(0.7 * gptq.loss());
        assertThat(quip.bits()).isLessThan(gptq.bits());
    }

    @Test
    void outliersPayOff() {
        assertThat(run("spqr").loss()).isLessThan(0.01);
        Result spqr = run("spqr:bits=3");
        Result gptq = run("gptq:bits=3,group=14");
        assertThat(spqr.bits()).isLessThanOrEqualTo(gptq.bits());
        assertThat(spqr.loss()).isLessThan(gptq.loss());
    }
}
