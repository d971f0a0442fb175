package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * A training that lives in a folder: {@code checkpoint.safetensors}, written every so many steps, and {@code loss.csv}. Whatever stops it, the same call goes
 * on from the last checkpoint and ends with the same weights.
 */
public final class TrainingRun {
    private static final String HEADER = "step,loss,learningRate,gradientNorm";

    private final Trainer trainer;
    private final Path checkpoint;
    private final Path curve;
    private final int checkpointEvery;
    private final List<Trainer.Report> reports = new ArrayList<>();

    /**
     * Takes up what the folder holds, if anything.
     *
     * @param checkpointEvery steps between checkpoints
     */
    public TrainingRun(Trainer trainer, Path folder, int checkpointEvery) throws IOException {
        this.trainer = trainer;
        this.checkpointEvery = checkpointEvery;
        Files.createDirectories(folder);
        checkpoint = folder.resolve("checkpoint.safetensors");
        curve = folder.resolve("loss.csv");
        if (Files.exists(checkpoint)) {
            trainer.load(checkpoint);
            readCurve();
        }
    }

    /** Trains to the end; {@code listener} hears of every step. */
    public void run(Consumer<Trainer.Report> listener) throws IOException {
        while (!trainer.isDone()) {
            Trainer.Report report = trainer.runStep();
            reports.add(report);
            listener.accept(report);
            if (report.step() % checkpointEvery == 0 || trainer.isDone()) {
                // The curve first: rows beyond the checkpoint are dropped when it is read again.
                writeCurve();
                trainer.save(checkpoint);
            }
        }
    }

    /** Every step so far, those before a resume too. */
    public List<Trainer.Report> reports() {
        return List.copyOf(reports);
    }

    private void writeCurve() throws IOException {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        for (Trainer.Report report : reports) {
            lines.add(String.format(
                    Locale.ROOT,
                    "%d,%.6f,%.8f,%.5f",
                    report.step(),
                    report.loss(),
                    report.learningRate(),
                    report.gradientNorm()));
        }
        Path temporary = curve.resolveSibling(curve.getFileName() + ".tmp");
        Files.write(temporary, lines);
        Files.move(temporary, curve, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private void readCurve() throws IOException {
        if (!Files.exists(curve)) {
            return;
        }
        for (String line : Files.readAllLines(curve)) {
            String[] cells = line.split(",", -1);
            if (line.equals(HEADER) || cells.length != 4) {
                continue;
            }
            int step = Integer.parseInt(cells[0]);
            if (step <= trainer.step()) {
                reports.add(new Trainer.Report(
                        step,
                        Double.parseDouble(cells[1]),
                        Double.parseDouble(cells[2]),
                        Double.parseDouble(cells[3])));
            }
        }
    }
}
