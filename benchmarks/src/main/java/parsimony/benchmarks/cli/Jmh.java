package parsimony.benchmarks.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "jmh",
        description = "Run the microbenchmarks, with any of JMH's own options.",
        footer = {"", "Example:", "  parsimony jmh GemmBenchmark -f 1", "  parsimony jmh -l"})
final class Jmh implements Runnable {
    @Parameters(paramLabel = "ARGUMENT", description = "Patterns of benchmarks' names, and JMH's options.")
    private final List<String> arguments = new ArrayList<>();

    @Option(names = "--help", usageHelp = true, description = "Show this help and exit; -h shows JMH's.")
    private boolean help;

    @Override
    public void run() {
        try {
            org.openjdk.jmh.Main.main(arguments.toArray(String[]::new));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
