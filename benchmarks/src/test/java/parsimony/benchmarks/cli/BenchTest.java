package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.jmh.BenchmarkRun;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.ResultFile;

class BenchTest {
    private static final BenchmarkRun.Choice QUICK = new BenchmarkRun.Choice(true, 2, Optional.empty());

    @TempDir
    private Path folder;

    /** Every benchmark once; what each computes is checked beside its class. */
    @Test
    void runsEveryBenchmarkQuickly() throws IOException {
        Cli.Outcome outcome = Cli.run("bench", "--quick", "--output", folder).succeeds();
        List<BenchmarkRun> lessons = BenchmarkRun.matching(Pattern.compile(""));
        assertThat(lessons).hasSizeGreaterThanOrEqualTo(8);
        for (BenchmarkRun lesson : lessons) {
            Result result = ResultFile.read(folder.resolve("bench/" + lesson.name() + ".json"));
            assertThat(result.rows()).as(lesson.name()).hasSize(lesson.size(QUICK));
            assertThat(result.rows()).allSatisfy(row -> {
                assertThat(row.value("seconds")).as(row.name()).isPositive();
                assertThat(row.value("allocated")).as(row.name()).isNotNegative();
            });
            assertThat(result.title()).as("its lesson").isNotEqualTo(lesson.name());
            assertThat(outcome.out()).contains(lesson.name() + ": " + result.title());
        }
        Result gemm = ResultFile.read(folder.resolve("bench/GemmBenchmark.json"));
        assertThat(gemm.rows()).allSatisfy(row -> assertThat(row.value("share")).isPositive());
        assertThat(folder.resolve("bench.html")).content().contains("id=\"GemmBenchmark\"", "id=\"TrainingBenchmark\"");
        assertThat(folder.resolve("roofline.json")).exists();
    }

    @Test
    void refusesWhatFindsNoBenchmark() {
        Cli.run("bench", "NoSuchBenchmark", "--output", folder)
                .isWronglyCalled("no benchmark's name contains 'NoSuchBenchmark'");
        Cli.run("bench", "(", "--output", folder).isWronglyCalled("'(' is no regular expression");
    }
}
