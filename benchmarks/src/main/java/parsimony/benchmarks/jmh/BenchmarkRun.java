package parsimony.benchmarks.jmh;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import parsimony.benchmarks.Machine;
import parsimony.benchmarks.Roofline;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Chart;
import parsimony.benchmarks.result.Result.Column;
import parsimony.benchmarks.result.Result.Kind;
import parsimony.benchmarks.result.Result.Place;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.Unit;
import parsimony.core.backend.Backends;

/**
 * The benchmarks of one class, a lesson, as rows of a {@link Result}: time, rates where the benchmark counts its work, the share of what the machine allows, and the
 * bytes allocated.
 */
public final class BenchmarkRun {
    /** Parameters that say what is measured rather than on what: each value is a series. */
    private static final Set<String> SUBJECTS = Set.of("backend", "cache", "kernel");

    /** Backends that cannot run here have no numbers. */
    private static final List<String> WORKING = Backends.probe(1).stream()
            .filter(Backends.Probe::works)
            .map(Backends.Probe::name)
            .toList();

    private static final String GIGAFLOPS = "gigaflop";
    private static final String GIGABYTES = "gigabytes";
    private static final String GIGAWEIGHTS = "gigaweights";
    private static final String ALLOCATED = "gc.alloc.rate.norm";
    private static final TimeValue QUICK_WARM_UP = TimeValue.milliseconds(300);
    private static final TimeValue QUICK_TIME = TimeValue.milliseconds(300);

    private static final List<Column> COLUMNS = List.of(
            new Column("case", "case", "Case", "parameters that differ within the class", Unit.TEXT, false),
            new Column("backend", "", "Backend", "what computed", Unit.TEXT, false).at(Place.PAGE),
            new Column("seconds", "time", "Time", "of one operation", Unit.SECONDS, false),
            new Column(GIGAFLOPS, "GFLOP/s", "GFLOP/s", "10⁹ floating-point operations a second", Unit.RATE, true),
            new Column(
                    GIGAWEIGHTS,
                    "G wt/s",
                    "Weights",
                    "10⁹ weights multiplied by a second, whatever the batch",
                    Unit.RATE,
                    true),
            new Column(
                    GIGABYTES, "GB/s", "GB/s", "10⁹ bytes of weights, keys and values read a second", Unit.RATE, true),
            new Column(
                    "share",
                    "of limit",
                    "Of the limit",
                    "the share reached of this machine's matrix product of 1024³ or of its memory's speed, whichever is nearer; data that caches hold can exceed the latter",
                    Unit.SHARE,
                    true),
            new Column("allocated", "alloc", "Allocated", "bytes on the heap, one operation", Unit.BYTES, false)
                    .at(Place.PAGE));

    /**
     * What of all that could be measured is.
     *
     * @param quick whether to take the first value of each parameter only, in this process, for a second each: enough to see that everything runs
     * @param threads for benchmarks that let them be chosen
     * @param backend the only one that is measured, where backends are compared
     */
    public record Choice(boolean quick, int threads, Optional<String> backend) {}

    private final Class<?> lesson;
    private final List<BenchmarkListEntry> benchmarks;

    private BenchmarkRun(Class<?> lesson, List<BenchmarkListEntry> benchmarks) {
        this.lesson = lesson;
        this.benchmarks = benchmarks;
    }

    /**
     * The classes with benchmarks whose name, class and method, contains what a pattern finds.
     *
     * @param pattern a regular expression
     */
    public static List<BenchmarkRun> matching(Pattern pattern) {
        Map<String, List<BenchmarkListEntry>> byClass =
                BenchmarkList.defaultList().find(new BenchmarkProgress(result -> {}), List.of(".*"), List.of()).stream()
                        .filter(entry -> pattern.matcher(entry.getUsername()).find())
                        .collect(Collectors.groupingBy(
                                BenchmarkListEntry::getUserClassQName, LinkedHashMap::new, Collectors.toList()));
        List<BenchmarkRun> runs = new ArrayList<>();
        byClass.forEach((name, entries) -> {
            try {
                runs.add(new BenchmarkRun(Class.forName(name), entries));
            } catch (ClassNotFoundException e) {
                throw new IllegalStateException("the list of benchmarks names " + name, e);
            }
        });
        return runs;
    }

    /** The class's name. */
    public String name() {
        return lesson.getSimpleName();
    }

    /** How many rows there will be. */
    public int size(Choice choice) {
        return benchmarks.stream()
                .mapToInt(benchmark -> parameters(benchmark).keySet().stream()
                        .mapToInt(name -> values(choice, name).length)
                        .reduce(1, Math::multiplyExact))
                .sum();
    }

    /** Hears of each row. */
    public interface Listener {
        /** Another row is there: the last of these. */
        void measured(Result soFar);
    }

    /**
     * Measures.
     *
     * @throws BenchmarkException if a benchmark throws something
     */
    public void run(Choice choice, Roofline roofline, String command, Listener listener) throws BenchmarkException {
        Instant began = Instant.now();
        List<Row> rows = new ArrayList<>();
        ChainedOptionsBuilder options = new OptionsBuilder()
                .verbosity(VerboseMode.SILENT)
                .shouldFailOnError(true)
                .addProfiler(GCProfiler.class);
        benchmarks.forEach(benchmark -> options.include("^" + Pattern.quote(benchmark.getUsername()) + "$"));
        allParameters().keySet().forEach(name -> options.param(name, values(choice, name)));
        if (choice.quick) {
            options.forks(0)
                    .warmupIterations(1)
                    .warmupTime(QUICK_WARM_UP)
                    .measurementIterations(2)
                    .measurementTime(QUICK_TIME);
        }
        BenchmarkProgress progress = new BenchmarkProgress(measured -> {
            rows.add(row(measured, roofline));
            listener.measured(result(rows, choice, roofline, command, began));
        });
        try {
            new Runner(options.build(), progress).run();
        } catch (RunnerException e) {
            throw new BenchmarkException(
                    name() + " failed: " + progress.complaint().orElse(String.valueOf(e.getMessage())), e);
        }
    }

    /** A benchmark that threw something. */
    public static final class BenchmarkException extends Exception {
        BenchmarkException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    private Map<String, String[]> allParameters() {
        Map<String, String[]> all = new LinkedHashMap<>();
        benchmarks.forEach(benchmark -> all.putAll(parameters(benchmark)));
        return all;
    }

    private static Map<String, String[]> parameters(BenchmarkListEntry benchmark) {
        return benchmark.getParams().orElse(Map.of());
    }

    /** The values of a parameter that are measured. */
    private String[] values(Choice choice, String name) {
        if (name.equals("threads")) {
            return new String[] {Integer.toString(choice.threads)};
        }
        if (name.equals("backend") && choice.backend.isPresent()) {
            return new String[] {choice.backend.get()};
        }
        String[] all = allParameters().get(name);
        if (name.equals("backend")) {
            all = Arrays.stream(all).filter(WORKING::contains).toArray(String[]::new);
        }
        return choice.quick ? new String[] {all[0]} : all;
    }

    private Row row(BenchmarkResult measured, Roofline roofline) {
        BenchmarkParams benchmark = measured.getParams();
        String qualified = benchmark.getBenchmark();
        String method = qualified.substring(qualified.lastIndexOf('.') + 1);
        Map<String, String[]> all = allParameters();
        String subject = benchmark.getParamsKeys().stream()
                .filter(SUBJECTS::contains)
                .map(benchmark::getParam)
                .findFirst()
                .orElse(method);
        Predicate<String> varies = name -> all.get(name).length > 1 && !SUBJECTS.contains(name);
        List<String> parts = new ArrayList<>();
        if (!subject.equals(method) && benchmarks.size() > 1) {
            parts.add(method);
        }
        benchmark.getParamsKeys().stream()
                .filter(varies)
                .forEach(name -> parts.add(name + "=" + benchmark.getParam(name)));

        Map<String, String> words = new HashMap<>();
        words.put("case", String.join(", ", parts));
        if (benchmark.getParamsKeys().contains("backend")) {
            words.put("backend", benchmark.getParam("backend"));
        }
        Map<String, Double> values = new HashMap<>();
        Map<String, Double> noise = new HashMap<>();
        double unit = benchmark.getTimeUnit().toNanos(1) / 1e9;
        double score = measured.getPrimaryResult().getScore();
        boolean isRate = benchmark.getMode() == Mode.Throughput;
        double seconds = isRate ? unit / score : unit * score;
        double relativeError = measured.getPrimaryResult().getScoreError() / score;
        values.put("seconds", seconds);
        noise.put("seconds", relativeError * seconds);
        measured.getSecondaryResults().forEach((name, result) -> {
            if (name.endsWith(ALLOCATED)) {
                values.put("allocated", result.getScore());
            } else if (result.getScore() > 0
                    && COLUMNS.stream().anyMatch(column -> column.key().equals(name))) {
                values.put(name, result.getScore() / unit);
                noise.put(name, relativeError * result.getScore() / unit);
            }
        });
        values.put(
                "share",
                roofline.share(values.getOrDefault(GIGAFLOPS, Double.NaN), values.getOrDefault(GIGABYTES, Double.NaN)));
        return new Row(subject, subject, "", words, values, noise);
    }

    private Result result(List<Row> rows, Choice choice, Roofline roofline, String command, Instant began) {
        List<Column> columns = COLUMNS.stream()
                .filter(column -> rows.stream()
                        .anyMatch(row -> column.unit() == Unit.TEXT
                                ? !row.text(column).isEmpty()
                                : !Double.isNaN(row.value(column.key()))))
                .toList();
        Lesson title = lesson.getAnnotation(Lesson.class);
        return new Result(
                name(),
                title == null ? name() : title.value(),
                "",
                "",
                protocol(choice, roofline),
                command,
                Result.ModelRecord.NONE,
                List.of(),
                Machine.here().record("", roofline.threads(), began),
                0,
                columns,
                charts(columns),
                rows,
                List.of());
    }

    private List<String> protocol(Choice choice, Roofline roofline) {
        String fixed = allParameters().keySet().stream()
                .filter(name -> values(choice, name).length == 1)
                .map(name -> name + "=" + values(choice, name)[0])
                .collect(Collectors.joining(", "));
        return List.of(
                choice.quick
                        ? "One combination of parameters, in one process, for a second each: this shows that it runs, not how fast."
                        : "By JMH, with the forks, warm-up and iterations that the class %s states."
                                .formatted(lesson.getName()),
                fixed.isEmpty() ? "No parameter has only one value." : "In every row " + fixed + ".",
                "This machine, %d threads: %.1f GB/s read, %.1f GB/s copied, %.0f GFLOP/s in a product of 1024³ floats."
                        .formatted(
                                roofline.threads(),
                                roofline.readGigabytes(),
                                roofline.copyGigabytes(),
                                roofline.gigaflops()));
    }

    /** The first rate that there is, else the time; and the share of the limit. */
    private static List<Chart> charts(List<Column> columns) {
        List<String> keys = columns.stream().map(Column::key).toList();
        List<Chart> charts = new ArrayList<>();
        if (!keys.contains("case")) {
            return charts;
        }
        String rate = Stream.of(GIGAFLOPS, GIGAWEIGHTS, GIGABYTES)
                .filter(keys::contains)
                .findFirst()
                .orElse("seconds");
        charts.add(
                rate.equals("seconds")
                        ? new Chart(
                                "Time", "Of one operation. Shorter is better.", "case", rate, false, false, Kind.BARS)
                        : new Chart("Rate", "Longer is better.", "case", rate, false, false, Kind.BARS));
        if (keys.contains("share")) {
            charts.add(new Chart(
                    "Share of the limit",
                    "Of this machine's matrix product or memory, whichever is nearer.",
                    "case",
                    "share",
                    false,
                    false,
                    Kind.BARS));
        }
        return charts;
    }
}
