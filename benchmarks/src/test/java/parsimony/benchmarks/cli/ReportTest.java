package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.ResultFile;
import parsimony.benchmarks.result.SampleResult;

class ReportTest {
    @TempDir
    private Path folder;

    private Path results;
    private Path page;

    @BeforeEach
    void measure() throws IOException {
        results = folder.resolve("results");
        page = folder.resolve("report.html");
        ResultFile.write(SampleResult.attention(), results.resolve("attention.json"));
        ResultFile.write(SampleResult.compression(), results.resolve("compare.json"));
        ResultFile.write(SampleResult.benchmark(), results.resolve("bench/GemmBenchmark.json"));
        Files.writeString(results.resolve("roofline.json"), "{}");
    }

    @Test
    void putsAFolderOnOnePageTheMainComparisonFirst() {
        Cli.Outcome outcome = Cli.run("report", results, "--output", page).succeeds();
        assertThat(outcome.out().lines())
                .hasSize(3)
                .first()
                .asString()
                .isEqualTo("compression: Smaller models, 20 rows, 2026-01-01T12:00:00Z");
        assertThat(page)
                .content()
                .containsSubsequence("id=\"compression\"", "id=\"attention\"", "id=\"GemmBenchmark\"");
    }

    @Test
    void marksWhatDiffersByMoreThanNoise() throws IOException {
        List<Row> rows = new ArrayList<>(SampleResult.compression().rows());
        rows.set(5, SampleResult.row("rtn:bits=4", "rtn", "", 4.13, 0.05, 1.53, 2.5));
        Path now = folder.resolve("now.json");
        ResultFile.write(SampleResult.compression(rows), now);
        Cli.Outcome outcome =
                Cli.run("report", now, "--against", results, "--output", page).succeeds();
        assertThat(outcome.out())
                .contains("+ rtn:bits=4, Bits per byte: 1.090, was 1.111")
                .contains("- rtn:bits=4, Decode: 2.50×, was 3.02×")
                .doesNotContain("Prefill", "attention", "The machines differ");
        assertThat(page).content().contains("was 1.111");
        assertThat(Cli.run("report", results, "--against", results, "--output", page)
                        .succeeds()
                        .out())
                .contains("none better and none worse");
    }

    @Test
    void saysWhatIsWrongInASentence() throws IOException {
        Cli.run("report", folder.resolve("nowhere"), "--output", page).isWronglyCalled("does not exist");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        Cli.run("report", empty, "--output", page).isWronglyCalled("holds no results");
        Path broken = Files.writeString(folder.resolve("broken.json"), "{\"suite\": ");
        Cli.Outcome outcome = Cli.run("report", broken, "--output", page);
        assertThat(outcome.exitCode()).isEqualTo(1);
        assertThat(outcome.err()).contains(broken + " is not valid JSON").doesNotContain("\tat ");
        assertThat(page).doesNotExist();
    }
}
