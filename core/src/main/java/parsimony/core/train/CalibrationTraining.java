package parsimony.core.train;

import java.util.List;
import parsimony.core.model.Transformer;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;

/** The training that a fine-tuning technique gets where it is applied like any other: on the calibration text. */
final class CalibrationTraining {
    private static final int EPOCHS = 2;
    /** What was lost is near: the rate that teaches another kind of text would take the model away from its own. */
    private static final double GENTLENESS = 0.1;

    private static final int SEQUENCES_PER_STEP = 4;

    private CalibrationTraining() {}

    static <O extends Record> Transformer train(
            FineTuner<O> tuner, Transformer model, O options, TechniqueContext context) {
        List<int[]> texts =
                context.calibration().stream().filter(text -> text.length > 1).toList();
        if (texts.isEmpty()) {
            throw new TechniqueException(tuner.name() + " needs calibration text, and none was given");
        }
        int length = texts.stream().mapToInt(text -> text.length - 1).min().getAsInt();
        int sequences = Math.min(SEQUENCES_PER_STEP, texts.size());
        int steps = Math.ceilDiv(EPOCHS * texts.size(), sequences);
        TrainingOptions training = TrainingOptions.fineTuning(
                steps, length, sequences * length, sequences * length, GENTLENESS * tuner.learningRate());
        Tuning tuning = tuner.prepare(model, options, new FineTuner.Setup(context.backend(), training, context.seed()));
        Trainer trainer = tuning.trainer((sequence, count, inputs, targets) -> {
            int[] text = texts.get((int) (sequence % texts.size()));
            System.arraycopy(text, 0, inputs, 0, count);
            System.arraycopy(text, 1, targets, 0, count);
        });
        while (!trainer.isDone()) {
            trainer.runStep();
            context.progress().update("training", trainer.step(), steps, 0);
        }
        return tuning.finished();
    }
}
