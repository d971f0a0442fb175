package parsimony.benchmarks;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Which state of the project is running. */
public final class Build {
    private Build() {}

    /** The version, as the jar states it. */
    public static String version() {
        String version = Build.class.getPackage().getImplementationVersion();
        return version == null ? "(unpackaged)" : version;
    }

    /**
     * The commit that the sources were at, with "-dirty" where they differ from it; empty where that is not known, as in a copy without Git. The
     * launcher builds whatever has changed before it starts, so that this is also what runs.
     */
    public static Optional<String> commit() {
        String home = System.getProperty("parsimony.home");
        if (home == null) {
            return Optional.empty();
        }
        List<String> command =
                List.of("git", "-C", home, "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12");
        try {
            Process git = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                    .start();
            String commit = new String(git.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            boolean known = git.waitFor(5, TimeUnit.SECONDS) && git.exitValue() == 0 && !commit.isEmpty();
            return known ? Optional.of(commit) : Optional.empty();
        } catch (IOException _) {
            return Optional.empty();
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
