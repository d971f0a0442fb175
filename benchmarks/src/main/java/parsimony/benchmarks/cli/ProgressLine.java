package parsimony.benchmarks.cli;

import java.io.PrintStream;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar on standard error with the time that is left, where a person looks at it; nothing where it is a file. */
final class ProgressLine implements AutoCloseable {
    private static final int WIDTH = 100;

    /** Null where nobody looks. */
    private final ProgressBar bar;

    /**
     * @param task what is being done
     * @param total steps
     */
    ProgressLine(String task, long total) {
        this(task, total, Terminal.showsErrors(), System.err);
    }

    ProgressLine(String task, long total, boolean shown, PrintStream out) {
        bar = shown
                ? new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(total)
                        .setStyle(ProgressBarStyle.ASCII)
                        .setUpdateIntervalMillis(200)
                        .setConsumer(new ConsoleProgressBarConsumer(out, WIDTH))
                        .clearDisplayOnFinish()
                        .build()
                : null;
    }

    /** The total may be known only when the first step is done. */
    void update(long done, long total) {
        if (bar != null) {
            bar.maxHint(total);
            bar.stepTo(done);
        }
    }

    void update(long done, String remark) {
        if (bar != null) {
            bar.stepTo(done);
            bar.setExtraMessage(remark);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
