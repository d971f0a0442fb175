package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Starts the launcher in a small project of its own, whose Maven and Java are scripts that say how they were called. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    private static final List<String> TOOLS = List.of(
            "cat", "cp", "dirname", "find", "head", "ln", "mkdir", "mv", "readlink", "rm", "sleep", "tail", "touch");

    @TempDir
    private Path folder;

    private Path project;
    private final Map<String, String> environment = new TreeMap<>();

    @BeforeEach
    void layOut() throws IOException {
        project = folder.toRealPath().resolve("a project");
        Files.createDirectories(project);
        Files.copy(Path.of("..", "parsimony"), project.resolve("parsimony"));
        write("pom.xml", "");
        write("core/pom.xml", "");
        write("core/src/main/java/A.java", "class A {}");
        write("benchmarks/pom.xml", "");
        script("mvnw", """
                echo "$*" >>calls
                if [ -e broken ]; then echo "[ERROR] A.java does not compile"; exit 1; fi
                case "$*" in
                    *corpus*) mkdir -p benchmarks/target/corpus ;;
                    *package*)
                        sleep 1
                        mkdir -p core/target benchmarks/target
                        echo jar >core/target/core-0.1.0.jar
                        echo jar >benchmarks/target/benchmarks.jar
                        printf %s "$PWD/core/target/core-0.1.0.jar" >benchmarks/target/class-path
                        ;;
                esac
                """);
        jdk("jdks/jdk-17", "17.0.2");
        jdk("jdks/jdk-25", "25.0.1");
        // A PATH of its own, on which no JDK of this machine is found.
        for (String tool : TOOLS) {
            script("tools/" + tool, "exec " + findTool(tool) + " \"$@\"");
        }
        environment.put("PATH", project.resolve("tools").toString());
        environment.put("HOME", folder.toString());
        environment.put("PARSIMONY_JDK_FOLDERS", project.resolve("jdks").toString());
        environment.put("JAVA_HOME", project.resolve("jdks/jdk-17").toString());
    }

    @Test
    void finds_a_new_enough_java_and_passes_everything_on() throws Exception {
        Result result = launch("generate", "--prompt", "public static  void", "*");

        assertThat(result.exitCode).isZero();
        assertThat(result.output.getFirst())
                .isEqualTo(project.resolve("jdks/jdk-25/bin/java").toString());
        assertThat(result.output)
                .contains(
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-Dai.djl.offline=true",
                        "-Dparsimony.home=" + project)
                .endsWith("parsimony.benchmarks.cli.Main", "generate", "--prompt", "public static  void", "*");
        Path build = project.resolve("target/launcher/build-1");
        assertThat(result.output).contains(build.resolve("benchmarks.jar") + ":" + build.resolve("core.jar"));
        assertThat(build.resolve("core.jar")).exists();
    }

    @Test
    void a_jdk_on_the_path_will_do() throws Exception {
        environment.remove("JAVA_HOME");
        environment.put("PARSIMONY_JDK_FOLDERS", "/nonexistent");
        jdk("elsewhere/jdk", "26-ea");
        Files.createSymbolicLink(project.resolve("tools/javac"), project.resolve("elsewhere/jdk/bin/javac"));

        assertThat(launch("doctor").output.getFirst())
                .isEqualTo(project.resolve("elsewhere/jdk/bin/java").toString());
    }

    @Test
    void without_a_jdk_it_says_what_to_install() throws Exception {
        environment.put("PARSIMONY_JDK_FOLDERS", "/nonexistent");

        Result result = launch("doctor");

        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.errors).hasSize(1);
        assertThat(result.errors.getFirst()).contains("JDK 25 or newer", "install", "JAVA_HOME");
        assertThat(project.resolve("target")).doesNotExist();
    }

    @Test
    void builds_once_and_again_when_a_source_is_newer() throws Exception {
        Result first = launch("doctor");
        assertThat(first.errors).hasSize(1).allMatch(line -> line.contains("building"));
        assertThat(launch("doctor").errors).isEmpty();
        assertThat(calls()).hasSize(1);

        FileTime past = FileTime.from(Instant.now().minusSeconds(60));
        Files.setLastModifiedTime(project.resolve("target/launcher/current"), past);
        Result third = launch("doctor");

        assertThat(third.errors).hasSize(1).allMatch(line -> line.contains("sources have changed"));
        assertThat(third.output).anyMatch(line -> line.contains("build-2/core.jar"));
        assertThat(calls()).hasSize(2);
        // The first build's process has ended, so that nothing needs it.
        assertThat(project.resolve("target/launcher/build-1")).doesNotExist();
    }

    @Test
    void a_moved_project_is_built_anew() throws Exception {
        launch("doctor");
        Path moved = folder.toRealPath().resolve("moved");
        Files.move(project, moved);
        environment.replaceAll((name, value) -> value.replace(project.toString(), moved.toString()));
        project = moved;

        assertThat(launch("doctor").output).anyMatch(line -> line.startsWith(moved + "/target/launcher/build-2"));
    }

    @Test
    void a_failed_build_shows_the_end_of_its_log() throws Exception {
        write("broken", "");

        Result result = launch("doctor");

        assertThat(result.exitCode).isEqualTo(1);
        assertThat(result.output).isEmpty();
        assertThat(result.errors)
                .contains("[ERROR] A.java does not compile")
                .last()
                .asString()
                .contains("the build failed", "build.log");
        Files.delete(project.resolve("broken"));
        assertThat(launch("doctor").exitCode).isZero();
    }

    @Test
    void two_starts_at_once_build_once() throws Exception {
        Process one = start("doctor");
        Process two = start("doctor");

        assertThat(finish(one).exitCode).isZero();
        assertThat(finish(two).exitCode).isZero();
        assertThat(calls()).hasSize(1);
        assertThat(project.resolve("target/launcher/lock")).doesNotExist();
    }

    @Test
    void a_lock_whose_owner_is_gone_is_taken_over() throws Exception {
        Process gone = new ProcessBuilder("sh", "-c", "exit 0").start();
        gone.waitFor();
        Files.createDirectories(project.resolve("target/launcher"));
        Files.createSymbolicLink(project.resolve("target/launcher/lock"), Path.of(Long.toString(gone.pid())));

        assertThat(launch("doctor").exitCode).isZero();
    }

    @Test
    void test_hands_its_arguments_to_maven() throws Exception {
        assertThat(launch("test", "--slow", "-Dtest=A B").exitCode).isZero();
        assertThat(calls()).containsExactly("-B verify -Pslow -Dtest=A B");
    }

    @Test
    void training_a_recipe_fetches_the_text_first() throws Exception {
        write("core/src/main/resources/parsimony/core/train/java-5m.json", "{}");
        launch("train", "--recipe", "none");
        launch("train", "--help");
        assertThat(calls()).hasSize(1);
        launch("train", "--recipe", "java-5m");
        launch("train", "--recipe=java-5m");
        assertThat(calls()).hasSize(2).last().asString().contains("-Pcorpus dependency:copy@corpus");
    }

    @Test
    void may_be_called_through_a_link_from_anywhere() throws Exception {
        Path link = folder.resolve("link");
        Files.createSymbolicLink(link, project.resolve("parsimony"));
        Process process =
                processBuilder(link, "doctor").directory(folder.toFile()).start();

        assertThat(finish(process).output).contains("-Dparsimony.home=" + project);
    }

    @Test
    void the_real_java_keeps_standard_error_clean() throws Exception {
        environment.put("JAVA_HOME", System.getProperty("java.home"));
        String classPath = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        environment.put(
                "REAL_CLASS_PATH",
                Stream.of(classPath.split(":", -1))
                        .filter(entry -> !entry.isEmpty() && Files.exists(Path.of(entry)))
                        .collect(Collectors.joining(":")));
        script("mvnw", """
                mkdir -p benchmarks/target
                : >benchmarks/target/benchmarks.jar
                printf %s "$REAL_CLASS_PATH" >benchmarks/target/class-path
                """);
        launch("--version");

        Result version = launch("--version");
        assertThat(version.errors).isEmpty();
        assertThat(version.output.getFirst()).startsWith("Parsimony");
        assertThat(version.exitCode).isZero();

        Result mistake = launch("no-such-command");
        assertThat(mistake.exitCode).isEqualTo(2);
        assertThat(mistake.output).isEmpty();
        assertThat(mistake.errors.getFirst()).startsWith("parsimony: Unmatched argument");
    }

    private record Result(int exitCode, List<String> output, List<String> errors) {}

    private Result launch(String... args) throws Exception {
        return finish(start(args));
    }

    private Process start(String... args) throws IOException {
        return processBuilder(project.resolve("parsimony"), args).start();
    }

    private ProcessBuilder processBuilder(Path launcher, String... args) {
        List<String> command = new ArrayList<>(List.of(launcher.toString()));
        command.addAll(List.of(args));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().clear();
        builder.environment().putAll(environment);
        return builder;
    }

    private static Result finish(Process process) throws Exception {
        try (var output = process.inputReader();
                var errors = process.errorReader()) {
            List<String> lines = output.lines().toList();
            List<String> errorLines = errors.lines().toList();
            return new Result(process.waitFor(), lines, errorLines);
        }
    }

    private List<String> calls() throws IOException {
        return Files.readAllLines(project.resolve("calls"));
    }

    private void write(String file, String text) throws IOException {
        Path path = project.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }

    private void script(String file, String commands) throws IOException {
        write(file, "#!/bin/sh\n" + commands);
        assertThat(project.resolve(file).toFile().setExecutable(true)).isTrue();
    }

    private void jdk(String home, String version) throws IOException {
        write(home + "/release", "IMPLEMENTOR=\"Nobody\"\nJAVA_VERSION=\"" + version + "\"\n");
        script(home + "/bin/javac", "");
        script(home + "/bin/java", """
                case "$*" in *ArchiveClassesAtExit*) exit 0 ;; esac
                printf '%s\\n' "$0" "$@"
                """);
    }

    private static Path findTool(String name) {
        for (String entry : System.getenv("PATH").split(":", -1)) {
            Path tool = Path.of(entry, name);
            if (Files.isExecutable(tool)) {
                return tool;
            }
        }
        throw new IllegalStateException("there is no " + name + " on the PATH");
    }
}
