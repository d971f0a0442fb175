package parsimony.benchmarks.jmh;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

/** Hears what JMH does: passes results on, and keeps what is complained of instead of printing everything. */
final class BenchmarkProgress implements OutputFormat {
    private final Consumer<BenchmarkResult> listener;
    private final List<String> complaints = new ArrayList<>();

    BenchmarkProgress(Consumer<BenchmarkResult> listener) {
        this.listener = listener;
    }

    /** The first exception that a benchmark threw, as its own line says it. */
    Optional<String> complaint() {
        return complaints.stream()
                .flatMap(String::lines)
                .map(String::strip)
                .filter(line -> line.matches("[\\w.$]+(Exception|Error)\\b.*"))
                .findFirst();
    }

    @Override
    public void endBenchmark(BenchmarkResult result) {
        listener.accept(result);
    }

    @Override
    public void print(String text) {
        complaints.add(text);
    }

    @Override
    public void println(String text) {
        complaints.add(text);
    }

    @Override
    public void verbosePrintln(String text) {}

    @Override
    public void iteration(BenchmarkParams benchmark, IterationParams iteration, int number) {}

    @Override
    public void iterationResult(
            BenchmarkParams benchmark, IterationParams iteration, int number, IterationResult result) {}

    @Override
    public void startBenchmark(BenchmarkParams benchmark) {}

    @Override
    public void startRun() {}

    @Override
    public void endRun(Collection<RunResult> results) {}

    @Override
    public void write(int character) {}

    @Override
    public void write(byte[] characters) {}

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
