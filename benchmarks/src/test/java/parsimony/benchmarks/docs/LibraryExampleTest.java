package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the first page says of Parsimony as a library: its program, and the flags that it needs. */
class LibraryExampleTest {
    private static final Path README = Path.of("README.md");

    @TempDir
    private static Path folder;

    @BeforeAll
    static void compile() throws IOException {
        List<Path> sources = Documents.writeFiles(README, folder.resolve("sources"));
        assertThat(sources).hasSize(1);
        AddATechniqueTest.compile(sources, folder.resolve("classes"));
    }

    /** Flags of Java in the first column of the page's table. */
    private static List<String> flags() {
        return Pattern.compile("(?m)^\\| `(-[^`]+)`")
                .matcher(Documents.read(README))
                .results()
                .map((MatchResult flag) -> flag.group(1))
                .toList();
    }

    @Test
    void runsWithTheFlagsThatAreNamed() throws Exception {
        String output = run(flags());

        assertThat(output).contains("return", " bytes became ").doesNotContain("WARNING: A restricted method");
        String[] bytes = output.substring(output.lastIndexOf('\n', output.indexOf(" bytes became ")))
                .strip()
                .split(" bytes became ");
        assertThat(Long.parseLong(bytes[1])).isBetween(1L, Long.parseLong(bytes[0]) / 2);
    }

    @Test
    void withoutTheVectorModuleItSaysWhatIsMissing() throws Exception {
        List<String> others = new ArrayList<>(flags());
        assertThat(others.remove("--add-modules=jdk.incubator.vector")).isTrue();

        assertThat(run(others))
                .contains("the backend vector does not work here: Java was started without --add-modules");
    }

    private static String run(List<String> flags) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(flags);
        command.addAll(List.of(
                "-cp",
                folder.resolve("classes") + File.pathSeparator + System.getProperty("java.class.path"),
                "Example"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return output;
    }
}
