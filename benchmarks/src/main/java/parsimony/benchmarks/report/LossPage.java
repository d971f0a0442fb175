package parsimony.benchmarks.report;

import static parsimony.benchmarks.report.Page.escaped;
import static parsimony.benchmarks.report.Page.fact;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import parsimony.benchmarks.result.Figures;
import parsimony.core.train.LossCurve;
import parsimony.core.train.Trainer;
import parsimony.core.train.TrainingOptions;
import parsimony.core.train.ValidationCurve;
import tools.jackson.databind.json.JsonMapper;

/** The course of a training as one HTML page: loss, learning rate and gradient, step by step. */
public final class LossPage {
    private static final String VALIDATION = """
              <figure>
                <figcaption><h3>Validation</h3>
                <p>Bits per byte of text that is not trained on.</p></figcaption>
                <div class="plot" data-plot="validation"></div>
              </figure>
            """;

    private LossPage() {}

    /**
     * Writes the page whole or not at all.
     *
     * @param model what is trained
     * @param curve at least one step
     * @param validation drawn too if it has points
     * @throws IOException if the disk does not take it
     */
    public static void write(
            String model, LossCurve curve, ValidationCurve validation, TrainingOptions options, Path file)
            throws IOException {
        Trainer.Report last = curve.reports().getLast();
        double loss = curve.smoothed().getLast();
        long tokens = (long) last.step() * options.tokensPerStep();
        String headline = "%s: loss %s after %s".formatted(model, Figures.fixed(loss, 3), steps(last.step(), options));
        new Page("loss")
                .put("headline", escaped(headline))
                .put(
                        "facts",
                        fact("Loss", Figures.fixed(loss, 3) + " nats a token", "smoothed over some 20 steps")
                                + fact(
                                        "Perplexity",
                                        Figures.fixed(Math.exp(loss), 2),
                                        Figures.fixed(loss / Math.log(2), 3) + " bits a token")
                                + fact(
                                        "Read",
                                        Figures.count(tokens) + " tokens",
                                        Figures.count(options.tokensPerStep()) + " a step")
                                + fact(
                                        "Learning rate",
                                        rate(last.learningRate()),
                                        "at its peak " + rate(options.learningRate())))
                .put("validation", validation.points().isEmpty() ? "" : VALIDATION)
                .record(json(curve, validation, options))
                .write(file);
    }

    private static String rate(double rate) {
        return String.format(Locale.ROOT, "%.1e", rate);
    }

    private static String steps(int done, TrainingOptions options) {
        String all = Figures.count(options.steps());
        return done == options.steps() ? all + " steps" : Figures.count(done) + " of " + all + " steps";
    }

    private static String json(LossCurve curve, ValidationCurve validation, TrainingOptions options) {
        List<double[]> points = validation.points().stream()
                .map(point -> new double[] {point.step(), point.bitsPerByte()})
                .toList();
        List<double[]> rows = new ArrayList<>();
        for (int i = 0; i < curve.reports().size(); i++) {
            Trainer.Report report = curve.reports().get(i);
            rows.add(new double[] {
                report.step(), report.loss(), curve.smoothed().get(i), report.learningRate(), report.gradientNorm()
            });
        }
        return JsonMapper.shared()
                .writeValueAsString(Map.of("steps", options.steps(), "rows", rows, "validation", points));
    }
}
