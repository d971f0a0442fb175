package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import parsimony.benchmarks.Build;
import parsimony.core.backend.DeviceException;
import parsimony.core.technique.TechniqueException;
import picocli.AutoComplete.GenerateCompletion;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The command {@code parsimony}. A command ends with 0; with 2 if it was called wrongly; with 1 and one sentence on standard error if it could not do
 * what was asked.
 */
@Command(
        name = "parsimony",
        description = "A laboratory of LLM efficiency: compress a language model in many ways and see what each costs.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            Compare.class,
            Generate.class,
            Evaluate.class,
            Compress.class,
            Layer.class,
            ListTechniques.class,
            MeasureSpeed.class,
            Synthesize.class,
            Train.class,
            FineTune.class,
            Doctor.class,
            Bench.class,
            Report.class,
            Jmh.class,
            GenerateCompletion.class
        },
        versionProvider = Main.Version.class,
        footer = {"", "Example:", "  parsimony compare --quick"})
public final class Main {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version and exit.")
    private boolean version;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the full trace of an error.")
    private boolean debug;

    private Main() {}

    /** Runs one command and ends the process with its exit code. */
    public static void main(String[] args) {
        StandardError.restore();
        PrintWriter out = new PrintWriter(new OutputStreamWriter(new StandardOutput(), System.out.charset()), true);
        PrintWriter err = new PrintWriter(System.err, true);
        int exitCode = run(out, err, args);
        out.flush();
        err.flush();
        System.exit(exitCode);
    }

    /** Runs one command in this process. */
    public static int run(PrintWriter out, PrintWriter err, String... args) {
        Main main = new Main();
        CommandLine commandLine = commandLine(main).setOut(out).setErr(err);
        if (args.length == 0) {
            commandLine.usage(err);
            return CommandLine.ExitCode.USAGE;
        }
        try {
            return commandLine.execute(args);
        } catch (StackOverflowError | OutOfMemoryError e) {
            return main.fail(err, e);
        }
    }

    /** What to type to run a command again. */
    static String typed(CommandSpec spec) {
        return "./parsimony "
                + String.join(
                        " ", spec.commandLine().getParent().getParseResult().originalArgs());
    }

    static CommandLine commandLine() {
        return commandLine(new Main());
    }

    private static CommandLine commandLine(Main main) {
        CommandLine commandLine = new CommandLine(main);
        commandLine.getSubcommands().get("jmh").setUnmatchedOptionsArePositionalParams(true);
        commandLine
                .getSubcommands()
                .get("generate-completion")
                .getCommandSpec()
                .usageMessage()
                .footer("", "Example:", "  source <(parsimony generate-completion)");
        return commandLine
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpLongOptionsMaxWidth(30)
                .setUsageHelpWidth(100)
                .setColorScheme(CommandLine.Help.defaultColorScheme(Terminal.coloursOutput() ? Ansi.ON : Ansi.OFF))
                .setParameterExceptionHandler((e, args) -> explainUsage(e))
                .setExecutionExceptionHandler((e, command, result) -> main.fail(command.getErr(), e));
    }

    private static int explainUsage(ParameterException e) {
        PrintWriter err = e.getCommandLine().getErr();
        err.println("parsimony: " + e.getMessage());
        UnmatchedArgumentException.printSuggestions(e, err);
        err.println("Try '" + e.getCommandLine().getCommandSpec().qualifiedName() + " --help'.");
        return e.getCommandLine().getCommandSpec().exitCodeOnInvalidInput();
    }

    private int fail(PrintWriter err, Throwable e) {
        if (debug) {
            e.printStackTrace(err);
        }
        err.println("parsimony: " + (isExpected(e) ? sentence(e) : "internal error, " + e + (debug ? "" : trace(e))));
        return CommandLine.ExitCode.SOFTWARE;
    }

    private static boolean isExpected(Throwable e) {
        return e instanceof IOException
                || e instanceof UncheckedIOException
                || e instanceof IllegalArgumentException
                || e instanceof TechniqueException
                || e instanceof DeviceException
                || e instanceof OutOfMemoryError;
    }

    private static String sentence(Throwable e) {
        return switch (e) {
            case UncheckedIOException wrapper -> sentence(wrapper.getCause());
            case NoSuchFileException missing -> "there is no file " + missing.getFile();
            case AccessDeniedException denied -> "access to " + denied.getFile() + " is denied";
            case FileAlreadyExistsException existing -> existing.getFile() + " exists already";
            case NotDirectoryException file -> file.getFile() + " is not a folder";
            case FileSystemException other when other.getReason() != null -> other.getFile() + ": " + other.getReason();
            case OutOfMemoryError memory ->
                "out of memory (" + memory.getMessage() + ") with a heap of "
                        + (Runtime.getRuntime().maxMemory() >> 20)
                        + " MiB; PARSIMONY_JVM_OPTIONS=-Xmx… gives more";
            default -> e.getMessage() == null ? e.toString() : e.getMessage();
        };
    }

    /** Keeps the trace for those who look into the error. */
    private static String trace(Throwable e) {
        try {
            Path file = Files.createTempFile("parsimony-", ".log");
            try (PrintWriter writer = new PrintWriter(Files.newBufferedWriter(file))) {
                e.printStackTrace(writer);
            }
            return "; the full trace is in " + file;
        } catch (IOException _) {
            return "; --debug shows the full trace";
        }
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {
                "Parsimony " + Build.version()
                        + Build.commit().map(id -> " (commit " + id + ")").orElse(""),
                "Java " + Runtime.version() + ", " + System.getProperty("java.vendor")
            };
        }
    }
}
