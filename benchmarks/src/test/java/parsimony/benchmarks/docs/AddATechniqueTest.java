package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.console.ConsoleLauncher;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** docs/add-a-technique.md does what it says: its blocks are compiled as they stand there, and its numbers are measured again. */
class AddATechniqueTest {
    private static final Pattern ROW =
            Pattern.compile("\\| `(\\S+)` \\| ([\\d.]+) \\| ([\\d.]+) \\| \\+([\\d.]+) % \\|");

    /** The page's comparison, whose numbers stand below it. */
    static final String COMPARE = "./parsimony compare --apply importance:bits=3 --apply rtn:bits=3,group=32"
            + " --apply importance:bits=2 --apply rtn:bits=2,group=32";

    @TempDir
    private static Path folder;

    private static Path classes;

    @BeforeAll
    static void compile() throws IOException {
        classes = compile(folder.resolve("sources"));
    }

    /** Compiles what the page shows and puts its line where services are listed; returns the folder of the classes. */
    static Path compile(Path sources) throws IOException {
        Path classes = sources.resolveSibling("classes");
        List<Path> java = new ArrayList<>();
        for (Path file : Documents.writeFiles(Documents.TECHNIQUE, sources)) {
            if (file.toString().endsWith(".java")) {
                java.add(file);
            } else {
                Path services = classes.resolve("META-INF/services").resolve(file.getFileName());
                Files.createDirectories(services.getParent());
                Files.copy(file, services);
            }
        }
        compile(java, classes);
        return classes;
    }

    static void compile(List<Path> sources, Path classes) throws IOException {
        Files.createDirectories(classes);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter messages = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
            boolean compiled = compiler.getTask(
                            messages,
                            files,
                            null,
                            List.of("-d", classes.toString(), "-Xlint:all,-path,-processing", "-proc:none", "-Werror"),
                            null,
                            files.getJavaFileObjectsFromPaths(sources))
                    .call();
            assertThat(compiled).as(messages.toString()).isTrue();
        }
    }

    @Test
    void theQuantizerHasUnderFiftyLines() throws IOException {
        assertThat(folder.resolve("sources/quantization/src/main/java/parsimony/quantization/ImportanceMatrix.java"))
                .content()
                .satisfies(text -> assertThat(text.lines()).hasSizeLessThan(50));
    }

    @Test
    void itsTestPasses() throws Exception {
        String classPath = classes + File.pathSeparator + System.getProperty("java.class.path");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules=jdk.incubator.vector",
                        "-cp",
                        classPath,
                        ConsoleLauncher.class.getName(),
                        "execute",
                        "--select-class=parsimony.quantization.ImportanceMatrixTest",
                        "--details=summary",
                        "--disable-banner",
                        "--fail-if-no-tests")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).as(output).isZero();
        assertThat(output).containsPattern("\\[ +[1-9]\\d* tests successful");
    }

    @Test
    void losesWhatThePageSays() throws Exception {
        Files.createDirectories(folder.resolve("work"));
        String page = Documents.read(Documents.TECHNIQUE);
        try (Workbench workbench = new Workbench(folder.resolve("work"), classes)) {
            workbench.run(COMPARE).succeeds();
            JsonNode result = new ObjectMapper()
                    .readTree(workbench.folder().resolve("results/compare.json").toFile());
            double dense = result.at("/rows/0/values/bitsPerByte").asDouble();
            Matcher row = ROW.matcher(page);
            int index = 0;
            while (row.find()) {
                JsonNode measured = result.at("/rows/" + ++index);
                double bitsPerByte = measured.at("/values/bitsPerByte").asDouble();
                assertThat(measured.get("name").asString()).isEqualTo(row.group(1));
                assertThat(measured.at("/values/bitsPerWeight").asDouble())
                        .isCloseTo(Double.parseDouble(row.group(2)), within(0.006));
                assertThat(bitsPerByte).isCloseTo(Double.parseDouble(row.group(3)), within(0.001));
                assertThat(100 * (bitsPerByte / dense - 1)).isCloseTo(Double.parseDouble(row.group(4)), within(0.15));
            }
            assertThat(index).isEqualTo(4).isEqualTo(result.get("rows").size() - 1);
        }
    }
}
