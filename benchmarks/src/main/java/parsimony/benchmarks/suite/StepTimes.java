package parsimony.benchmarks.suite;

import java.util.ArrayList;
import java.util.List;
import parsimony.core.train.Trainer;

/** What a step of training takes beside one of another training, which is run between two of its steps now and then, so that both see the same machine. */
final class StepTimes {
    private final Trainer baseline;
    private final int interval;
    private final List<Double> ratios = new ArrayList<>();
    private int steps;
    private long before;
    /** What the baseline's last step took, until the step after it is known too; 0 if there is none. */
    private long between;

    /** @param interval steps from one of the baseline's to the next, at least 2 */
    StepTimes(Trainer baseline, int interval) {
        this.baseline = baseline;
        this.interval = interval;
    }

    /** Runs a step. */
    void run(Trainer trainer) {
        long took = time(trainer);
        if (between > 0) {
            ratios.add((before + took) / 2.0 / between);
            between = 0;
        }
        steps++;
        if (steps % interval == interval / 2) {
            before = took;
            between = time(baseline);
        }
    }

    private static long time(Trainer trainer) {
        long started = System.nanoTime();
        trainer.runStep();
        return System.nanoTime() - started;
    }

    /** The median of the ratios, or NaN if there is none. */
    double ratio() {
        return ratios.isEmpty() ? Double.NaN : ratios.stream().sorted().toList().get(ratios.size() / 2);
    }
}
