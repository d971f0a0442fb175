package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** Files that commands write: where they go is looked at before the work, not after it. */
final class OutputFile {
    private OutputFile() {}

    /**
     * Checks that a file can be put somewhere.
     *
     * @param option that names it
     * @throws ParameterException if it is a folder or device, or is to be in one that does not exist
     */
    static void require(CommandSpec spec, String option, Path file) {
        requireFolder(spec, option, file);
        if (Files.isDirectory(file)) {
            throw new ParameterException(
                    spec.commandLine(), option + " " + file + " is a folder, where a file is to be written");
        }
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new ParameterException(spec.commandLine(), option + " " + file + " is no regular file");
        }
    }

    /**
     * Makes a folder, unless there is one.
     *
     * @throws ParameterException if a file is in its place
     */
    static void makeFolder(CommandSpec spec, String option, Path folder) throws IOException {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new ParameterException(
                    spec.commandLine(), option + " " + folder + " is a file, where a folder is needed");
        }
        Files.createDirectories(folder);
    }

    /**
     * Checks that there is a folder to put something in.
     *
     * @throws ParameterException if there is none
     */
    static void requireFolder(CommandSpec spec, String option, Path output) {
        Path folder = output.toAbsolutePath().normalize().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new ParameterException(
                    spec.commandLine(), "the folder that " + option + " " + output + " is to be in does not exist");
        }
    }
}
