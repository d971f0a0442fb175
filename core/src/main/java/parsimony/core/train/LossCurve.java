package parsimony.core.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;

/** How a training went, step by step, as a table in a CSV file too. */
public final class LossCurve {
    private static final String HEADER = "step,loss,learningRate,gradientNorm";
    private static final double MEMORY = 0.95;

    private final List<Trainer.Report> reports = new ArrayList<>();
    private final List<Double> smoothed = new ArrayList<>();
    private double sum;
    private double weight;

    void add(Trainer.Report report) {
        reports.add(report);
        sum = MEMORY * sum + report.loss();
        weight = MEMORY * weight + 1;
        smoothed.add(sum / weight);
    }

    /** Every step, those before a resume too. */
    public List<Trainer.Report> reports() {
        return Collections.unmodifiableList(reports);
    }

    /** The loss after each step, in nats a token, averaged over some 20 steps with weights that fall off exponentially. */
    public List<Double> smoothed() {
        return Collections.unmodifiableList(smoothed);
    }

    /** Writes the file whole or not at all. */
    void write(Path file) throws IOException {
        StringBuilder csv = new StringBuilder(HEADER).append('\n');
        for (Trainer.Report report : reports) {
            csv.append(String.format(
                    Locale.ROOT,
                    "%d,%.6f,%.8f,%.5f\n",
                    report.step(),
                    report.loss(),
                    report.learningRate(),
                    report.gradientNorm()));
        }
        AtomicFile.write(file, csv.toString().getBytes(StandardCharsets.UTF_8));
    }

    /** Reads what {@link #write} wrote up to step {@code steps}. */
    static LossCurve read(Path file, int steps) throws IOException {
        LossCurve curve = new LossCurve();
        List<String> lines = Files.readAllLines(file);
        for (int row = 1; row < lines.size(); row++) {
            String[] cells = lines.get(row).split(",", -1);
            try {
                int step = Integer.parseInt(cells[0]);
                if (step > steps) {
                    break;
                }
                curve.add(new Trainer.Report(
                        step,
                        Double.parseDouble(cells[1]),
                        Double.parseDouble(cells[2]),
                        Double.parseDouble(cells[3])));
            } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
                throw new ModelFormatException(
                        file,
                        -1,
                        "line " + (row + 1) + " is no row of a loss curve; remove the file to go on without it");
            }
        }
        return curve;
    }
}
