package parsimony.benchmarks.cli;

/** Who is at the other end of our streams: a person at a terminal, or a file. The launcher looks, because Java cannot tell them apart. */
public final class Terminal {
    private static final String STREAMS = System.getProperty("parsimony.terminal", "");

    private Terminal() {}

    /** Whether standard output goes to a terminal. */
    public static boolean showsOutput() {
        return STREAMS.contains("output");
    }

    /** Whether standard error goes to a terminal, so that progress may be drawn over itself. */
    public static boolean showsErrors() {
        return STREAMS.contains("error");
    }

    /** Whether standard output may be coloured: on a terminal, unless the environment says NO_COLOR or the terminal is dumb. */
    public static boolean coloursOutput() {
        return showsOutput() && wantsColour();
    }

    /** Whether standard error may be coloured. */
    public static boolean coloursErrors() {
        return showsErrors() && wantsColour();
    }

    private static boolean wantsColour() {
        String noColor = System.getenv("NO_COLOR");
        return (noColor == null || noColor.isEmpty()) && !"dumb".equals(System.getenv("TERM"));
    }
}
