package parsimony.core.train;

import java.util.List;

/**
 * How a model is trained.
 *
 * @param stages what is read, one after the other
 * @param tokensPerStep tokens behind one update; a multiple of every stage's context
 * @param tokensPerPass tokens of one forward and backward pass; the gradients of {@code tokensPerStep / tokensPerPass} passes are accumulated
 * @param learningRate at its peak
 * @param warmupSteps over which the learning rate grows linearly from 0
 * @param schedule what happens after that
 * @param decaySteps last steps, over which the trapezoid falls; the cosine falls from the warm-up to the end and does not look at it
 * @param finalLearningRate as a fraction of the peak
 * @param beta1 decay of AdamW's first moment
 * @param beta2 decay of AdamW's second moment
 * @param weightDecay of matrices; vectors are not decayed
 * @param clip largest Euclidean norm of the gradient of all parameters together
 */
public record TrainingOptions(
        List<Stage> stages,
        int tokensPerStep,
        int tokensPerPass,
        double learningRate,
        int warmupSteps,
        Schedule schedule,
        int decaySteps,
        double finalLearningRate,
        double beta1,
        double beta2,
        double weightDecay,
        double clip) {
    public TrainingOptions {
        stages = List.copyOf(stages);
        if (stages.isEmpty() || tokensPerStep <= 0 || tokensPerPass <= 0 || tokensPerStep % tokensPerPass != 0) {
            throw new IllegalArgumentException("training needs a stage, and tokensPerStep (" + tokensPerStep
                    + ") must be a multiple of tokensPerPass (" + tokensPerPass + ")");
        }
        for (Stage stage : stages) {
            if (stage.steps() <= 0 || stage.context() <= 0 || tokensPerPass % stage.context() != 0) {
                throw new IllegalArgumentException("tokensPerPass (" + tokensPerPass
                        + ") must be a multiple of every stage's context, " + stage.context() + " is one");
            }
        }
    }

    /** A fine-tuning: one stage, a tenth of it warm-up, then a cosine to a tenth of the rate; no weight decay. */
    public static TrainingOptions fineTuning(
            int steps, int context, int tokensPerStep, int tokensPerPass, double learningRate) {
        return new TrainingOptions(
                List.of(new Stage(steps, context)),
                tokensPerStep,
                tokensPerPass,
                learningRate,
                Math.max(1, steps / 10),
                Schedule.COSINE,
                0,
                0.1,
                0.9,
                0.95,
                0,
                1);
    }

    /** Steps of the whole training. */
    public int steps() {
        return stages.stream().mapToInt(Stage::steps).sum();
    }

    /** The stage that step {@code step}, counted from 0, belongs to. */
    Stage stage(int step) {
        int end = 0;
        for (Stage stage : stages) {
            end += stage.steps();
            if (step < end) {
                return stage;
            }
        }
        return stages.getLast();
    }

    /** The learning rate of step {@code step}, counted from 0. */
    public double learningRate(int step) {
        if (step < warmupSteps) {
            return learningRate * (step + 1) / warmupSteps;
        }
        int start = schedule == Schedule.COSINE ? warmupSteps : Math.max(warmupSteps, steps() - decaySteps);
        if (step < start) {
            return learningRate;
        }
        double progress = (step - start) / (double) Math.max(1, steps() - start);
        double height = schedule == Schedule.COSINE ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress;
        return learningRate * (finalLearningRate + (1 - finalLearningRate) * height);
    }

    /**
     * @param steps updates
     * @param context tokens of one sequence
     */
    public record Stage(int steps, int context) {}

    /** The course of the learning rate after the warm-up. */
    public enum Schedule {
        /** Half a cosine down to the end (Loshchilov and Hutter, SGDR, 2017, Eq. 5, without restarts). */
        COSINE,
        /** Constant, then linearly down: a run can be lengthened before it falls (Hägele et al., 2024). */
        TRAPEZOID
    }
}
