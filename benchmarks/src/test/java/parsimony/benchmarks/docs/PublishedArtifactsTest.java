package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What the first page's command puts into a repository could be published: every module with its classes, sources, Javadoc and description. */
@Tag("slow")
@DisabledOnOs(OS.WINDOWS)
class PublishedArtifactsTest {
    /** The command, which stands on the first page. */
    static final String DEPLOY =
            "./mvnw -q deploy -DskipTests -DaltDeploymentRepository=folder::file:target/repository";

    @TempDir
    private Path project;

    @Test
    void everyModuleIsComplete() throws Exception {
        Workbench.copyProject(project);
        assertThat(Workbench.exitCode(project, DEPLOY, Integer.MAX_VALUE)).isZero();

        for (String module : List.of(
                "core", "quantization", "pruning", "lora", "attention", "kvcache", "speculative", "benchmarks")) {
            Path folder = project.resolve("target/repository/parsimony")
                    .resolve(module)
                    .resolve("0.1.0");
            String start = module + "-0.1.0";
            assertThat(Files.readString(folder.resolve(start + ".pom"))).contains("<name>", "<description>");
            assertThat(entries(folder.resolve(start + ".jar"))).anyMatch(name -> name.endsWith(".class"));
            assertThat(entries(folder.resolve(start + "-sources.jar"))).anyMatch(name -> name.endsWith(".java"));
            assertThat(entries(folder.resolve(start + "-javadoc.jar"))).contains("index.html");
        }
    }

    private static List<String> entries(Path jar) throws Exception {
        try (ZipFile file = new ZipFile(jar.toFile())) {
            return file.stream().map(entry -> entry.getName()).toList();
        }
    }
}
