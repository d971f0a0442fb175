package parsimony.benchmarks.cli;

import java.io.PrintWriter;

/** One line on a terminal that says what is going on and is written over; nothing where standard error is a file. */
final class StatusLine {
    private static final String CLEAR = "\r\u001b[K";
    private static final int WIDTH = 100;
    private static final long PAUSE_NANOSECONDS = 100_000_000;

    private final PrintWriter out;
    private final boolean active;
    private long shown;

    StatusLine(PrintWriter out, boolean active) {
        this.out = out;
        this.active = active;
    }

    void show(String what) {
        long now = System.nanoTime();
        if (active && now - shown > PAUSE_NANOSECONDS) {
            shown = now;
            out.print(CLEAR + (what.length() > WIDTH ? what.substring(0, WIDTH - 1) + "…" : what));
            out.flush();
        }
    }

    void clear() {
        if (active) {
            out.print(CLEAR);
            out.flush();
            shown = 0;
        }
    }
}
