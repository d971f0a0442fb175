package parsimony.benchmarks.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.compare.Comparison;

class ResultFileTest {
    @TempDir
    Path folder;

    @Test
    void comesBackAsItWasWritten() throws IOException {
        Comparison comparison = SampleComparison.comparison();
        Path file = folder.resolve("a/new/folder/result.json");
        ResultFile.write(comparison, file);
        assertThat(ResultFile.read(file)).isEqualTo(comparison);
    }

    @Test
    void keepsNumbersThatAreNone() throws IOException {
        Comparison comparison = SampleComparison.with(List.of(
                SampleComparison.row("dense:type=f32", "dense", "", 32, Double.POSITIVE_INFINITY, Double.NaN, 1)));
        Path file = folder.resolve("result.json");
        ResultFile.write(comparison, file);
        assertThat(ResultFile.read(file)).isEqualTo(comparison);
    }

    @Test
    void replacesWhatWasThereAndLeavesNothingElse() throws IOException {
        Path file = folder.resolve("result.json");
        Files.writeString(file, "old");
        ResultFile.write(SampleComparison.comparison(), file);
        assertThat(ResultFile.read(file).rows()).hasSize(20);
        assertThat(folder).isDirectoryContaining("glob:**result.json");
        try (var files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    @Test
    void passesOverWhatItDoesNotKnow() throws IOException {
        Path file = folder.resolve("newer.json");
        Files.writeString(
                file, ResultFile.json(SampleComparison.comparison()).replaceFirst("\\{", "{ \"invented\": [1, 2],"));
        assertThat(ResultFile.read(file)).isEqualTo(SampleComparison.comparison());
    }

    @Test
    void saysInOneSentenceWhatIsWrong() throws IOException {
        String json = ResultFile.json(SampleComparison.comparison());
        refuses(json.substring(0, json.length() / 2), "is not valid JSON at line ");
        refuses("not JSON", "is not valid JSON at line 1, column ");
        refuses("", "is not a result of compare: the document is missing");
        refuses("null", "is not a result of compare: it holds nothing");
        refuses("[1]", "is not a result of compare: the document is missing or not of the right kind");
        refuses("{}", "is not a result of compare: command is missing");
        refuses(
                json.replaceFirst("\"bitsPerByte\" : [0-9.]+", "\"bitsPerByte\" : \"many\""),
                "is not a result of compare: rows[0].quality.bitsPerByte is missing or not of the right kind");
        refuses(
                json.replaceFirst("\"arenas\" : [0-9]+,", ""),
                "is not a result of compare: rows[0].peakBytes.arenas is missing");
        refuses(
                json.replaceFirst("(?s)\"rows\" : \\[.*](?=,\\s*\"missing\")", "\"rows\" : []"),
                "is not a result of compare: a comparison has at least one row, that of the dense model");
        assertThatThrownBy(() -> ResultFile.read(folder.resolve("nowhere.json")))
                .isInstanceOf(IOException.class)
                .hasMessage(folder.resolve("nowhere.json") + " does not exist");
        assertThatThrownBy(() -> ResultFile.write(SampleComparison.comparison(), folder))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is a folder");
    }

    private void refuses(String json, String reason) throws IOException {
        Path file = folder.resolve("bad.json");
        Files.writeString(file, json);
        assertThatThrownBy(() -> ResultFile.read(file))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith(file + " " + reason)
                .satisfies(exception -> assertThat(exception.getMessage()).doesNotContain("\n"));
    }
}
