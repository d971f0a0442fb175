package parsimony.benchmarks.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultFileTest {
    @TempDir
    Path folder;

    @Test
    void comesBackAsItWasWritten() throws IOException {
        Result result = SampleResult.compression();
        Path file = folder.resolve("a/new/folder/result.json");
        ResultFile.write(result, file);
        assertThat(ResultFile.read(file)).isEqualTo(result);
    }

    @Test
    void numbersThatAreNoneAreAbsent() throws IOException {
        Result result = SampleResult.compression(
                List.of(SampleResult.row("dense:type=f32", "dense", "", 32, Double.POSITIVE_INFINITY, Double.NaN, 1)));
        Path file = folder.resolve("result.json");
        ResultFile.write(result, file);
        assertThat(ResultFile.read(file)).isEqualTo(result);
    }

    @Test
    void replacesWhatWasThereAndLeavesNothingElse() throws IOException {
        Path file = folder.resolve("result.json");
        Files.writeString(file, "old");
        ResultFile.write(SampleResult.compression(), file);
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
                file, ResultFile.json(SampleResult.compression()).replaceFirst("\\{", "{ \"invented\": [1, 2],"));
        assertThat(ResultFile.read(file)).isEqualTo(SampleResult.compression());
    }

    @Test
    void saysInOneSentenceWhatIsWrong() throws IOException {
        String json = ResultFile.json(SampleResult.compression());
        refuses(json.substring(0, json.length() / 2), "is not valid JSON at line ");
        refuses("not JSON", "is not valid JSON at line 1, column ");
        refuses("", "is no result of compare or bench: the document is missing");
        refuses("null", "is no result of compare or bench: it holds nothing");
        refuses("[1]", "is no result of compare or bench: the document is missing or not of the right kind");
        refuses("{}", "is no result of compare or bench: suite is missing");
        refuses(
                json.replaceFirst("\"bitsPerByte\" : [0-9.]+", "\"bitsPerByte\" : \"many\""),
                "is no result of compare or bench: rows[0].values.bitsPerByte is missing or not of the right kind");
        refuses(
                json.replaceFirst("\"sha256\" : \"[0-9a-f]+\",", ""),
                "is no result of compare or bench: model.sha256 is missing");
        refuses(
                json.replaceFirst("(?s)\"rows\" : \\[.*](?=,\\s*\"missing\")", "\"rows\" : []"),
                "is no result of compare or bench: a result has at least one row");
        assertThatThrownBy(() -> ResultFile.read(folder.resolve("nowhere.json")))
                .isInstanceOf(IOException.class)
                .hasMessage(folder.resolve("nowhere.json") + " does not exist");
        assertThatThrownBy(() -> ResultFile.write(SampleResult.compression(), folder))
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
