package parsimony.benchmarks.suite;

import java.io.IOException;
import parsimony.benchmarks.text.Calibration;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.eval.Evaluation;
import parsimony.core.eval.Evaluator;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.Reference;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

/** What techniques lose on the embedded model, on text that no model was trained on. */
final class Losses implements AutoCloseable {
    private final Backend backend = new VectorBackend(Runtime.getRuntime().availableProcessors());
    private final LanguageModel model = LanguageModel.embedded(LanguageModel.Embedded.TARGET);
    private final TechniqueContext context;
    private final HeldOutText text;
    private final Evaluator evaluator = new Evaluator(new Ops(backend), 1024);
    private final Reference reference = new Reference(model.transformer());
    private final double dense;

    /**
     * @param bytes of held-out text
     * @param windows of 512 tokens that techniques see
     */
    Losses(long bytes, int windows) throws IOException {
        context = TechniqueContext.of(backend)
                .withCalibration(Calibration.windows(JavaText.calibration(), model.tokenizer(), windows, 512, 1))
                .withSeed(1);
        text = HeldOutText.of("held out", JavaText.sample(JavaText.heldOut(), bytes, 1), model.tokenizer());
        dense = evaluator
                .evaluate(model.transformer(), text, Evaluator.Progress.SILENT)
                .bitsPerByte();
    }

    /**
     * @param bitsPerByte more than the dense model needs, as a share of those
     * @param divergence from the dense model's predictions, in nats of a token
     * @param bits of a weight
     */
    record Loss(double bitsPerByte, double divergence, double bits) {}

    /** What a technique loses. */
    Loss of(String spec) {
        Transformer compressed = TechniqueSpec.parse(spec).apply(model.transformer(), context);
        long bytes = 0;
        long weights = 0;
        for (Linear linear : compressed.linears()) {
            bytes += linear.weight().bytes();
            weights += (long) linear.outputs() * linear.inputs();
        }
        Evaluation evaluation = evaluator.evaluate(compressed, reference, text, Evaluator.Progress.SILENT);
        return new Loss(
                evaluation.bitsPerByte() / dense - 1, evaluation.divergence().kullbackLeibler(), 8.0 * bytes / weights);
    }

    @Override
    public void close() {
        backend.close();
    }
}
