package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A training that lives in a folder: {@code checkpoint.safetensors}, written every so many steps, and {@code loss.csv}. Whatever stops it, the same call goes
 * on from the last checkpoint and ends with the same weights.
 */
public final class TrainingRun {
    private final Trainer trainer;
    private final Path checkpoint;
    private final Path curveFile;
    private final int checkpointEvery;
    private final LossCurve curve;

    /** Hears how it goes. */
    public interface Listener {
        /** A step is done; the curve has it already. */
        void stepped(Trainer.Report report);

        /** A checkpoint is written. */
        default void saved() throws IOException {}
    }

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
        curveFile = folder.resolve("loss.csv");
        if (Files.exists(checkpoint)) {
            trainer.load(checkpoint);
        }
        curve = trainer.step() > 0 && Files.exists(curveFile)
                ? LossCurve.read(curveFile, trainer.step())
                : new LossCurve();
    }

    /** Trains to the end. */
    public void run(Listener listener) throws IOException {
        while (!trainer.isDone()) {
            trainer.runSteps(checkpointEvery - trainer.step() % checkpointEvery, report -> {
                curve.add(report);
                listener.stepped(report);
            });
            // The curve first: rows beyond the checkpoint are dropped when it is read again.
            curve.write(curveFile);
            trainer.save(checkpoint);
            listener.saved();
        }
    }

    /** Steps that are done. */
    public int step() {
        return trainer.step();
    }

    /** All steps so far. */
    public LossCurve curve() {
        return curve;
    }
}
