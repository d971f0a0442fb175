package parsimony.benchmarks.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import parsimony.core.io.SafeTensors;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

/**
 * A folder in which the commands of documents find what they name, and a process that runs them there. A shell takes them apart, so that quotes and patterns mean what they mean to
 * a reader.
 */
final class Workbench implements AutoCloseable {
    /** What commands read and did not write before: how it is made. Short trainings will do. */
    private static final Map<String, List<String>> MAKERS = Map.of(
            "model.gguf",
            List.of("compress", "--apply", "rtn:bits=4,group=32,symmetric=true", "--output", "model.gguf"),
            "pruned",
            List.of("compress", "--apply", "llm-pruner:ratio=0.2", "--output", "pruned"),
            "runs/scala/adapter",
            List.of("finetune", "--method", "lora:rank=8", "--steps", "2", "--output", "runs/scala"),
            "llama-3.2-1b.gguf",
            List.of("synthesize", "--shape", "llama-3.2-1b", "--type", "q4_0", "--output", "llama-3.2-1b.gguf"));

    /** In place of the exit code of a command that was stopped. */
    static final int STOPPED = -1;

    private final Path folder;
    private final Process worker;
    private final DataOutputStream commands;
    private final DataInputStream results;

    /** What a command gave. */
    record Outcome(int exitCode, String out, String err) {
        Outcome succeeds() {
            assertThat(exitCode).as(err).isZero();
            return this;
        }
    }

    /** @param classes a folder of classes and services that stand before all others; null for none */
    Workbench(Path folder, Path classes) throws IOException {
        this.folder = folder;
        layOut(folder);
        Path launcher = Files.writeString(folder.resolve("parsimony"), "#!/bin/sh\nprintf '%s\\0' \"$@\"\n");
        assertThat(launcher.toFile().setExecutable(true)).isTrue();
        String classPath =
                (classes == null ? "" : classes + File.pathSeparator) + System.getProperty("java.class.path");
        worker = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--add-modules=jdk.incubator.vector",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-XX:+UseParallelGC",
                        "-Xmx4g",
                        "-Dai.djl.offline=true",
                        "-DOPT_OUT_TRACKING=true",
                        "-cp",
                        classPath,
                        CommandWorker.class.getName())
                .directory(folder.toFile())
                .redirectError(Redirect.appendTo(folder.resolve("worker.log").toFile()))
                .start();
        commands = new DataOutputStream(worker.getOutputStream());
        results = new DataInputStream(worker.getInputStream());
    }

    /** Puts the files where they are that any command may name and that take no command to make. */
    static void layOut(Path folder) throws IOException {
        Files.copy(
                Documents.ROOT.resolve("core/src/main/java/parsimony/core/tensor/Grid.java"),
                folder.resolve("File.java"));
        for (String results : new String[] {"results", "docs/measured"}) {
            Path copy = folder.resolve(results).resolve("compare.json");
            Files.createDirectories(copy.getParent());
            Files.copy(Documents.ROOT.resolve("docs/measured/compare.json"), copy, StandardCopyOption.REPLACE_EXISTING);
        }
        SplittableRandom random = new SplittableRandom(4);
        SafeTensors.write(
                folder.resolve("matrix.safetensors"),
                DataType.F32,
                Map.of("weight", normal(random, 64, 64), "inputs", normal(random, 200, 64)),
                Map.of(),
                Map.of());
    }

    private static TensorStorage normal(SplittableRandom random, int rows, int columns) {
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return new TensorStorage(tensor);
    }

    /** Commands that make what is named by a command and is not there. */
    static List<List<String>> missing(String command, Path folder) {
        List<List<String>> makers = new ArrayList<>();
        MAKERS.forEach((file, maker) -> {
            boolean reads = Pattern.compile("(?<!--output) " + Pattern.quote(file) + "( |$)")
                    .matcher(command)
                    .find();
            if (reads && !Files.exists(folder.resolve(file))) {
                makers.add(maker);
            }
        });
        return makers;
    }

    /** Runs {@code ./parsimony …}, after what makes the files that it lacks. */
    Outcome run(String command) throws IOException, InterruptedException {
        for (List<String> maker : missing(command, folder)) {
            call(maker).succeeds();
        }
        return call(arguments(command));
    }

    private List<String> arguments(String command) throws IOException, InterruptedException {
        Process shell = new ProcessBuilder("sh", "-c", command)
                .directory(folder.toFile())
                .start();
        String arguments = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(shell.waitFor()).as(command).isZero();
        return Stream.of(arguments.split("\0")).toList();
    }

    private Outcome call(List<String> arguments) throws IOException {
        commands.writeInt(arguments.size());
        for (String argument : arguments) {
            CommandWorker.writeText(commands, argument);
        }
        commands.flush();
        return new Outcome(results.readInt(), CommandWorker.readText(results), CommandWorker.readText(results));
    }

    /** Copies the project as a reader has it: without what a build or git makes. */
    static void copyProject(Path to) throws IOException {
        Set<String> left = Set.of("target", ".git", "results", "runs", "node_modules");
        Files.walkFileTree(Documents.ROOT, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes)
                    throws IOException {
                if (left.contains(directory.getFileName().toString())) {
                    return FileVisitResult.SKIP_SUBTREE;
                }
                Files.createDirectories(to.resolve(Documents.ROOT.relativize(directory)));
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                // In a worktree .git is a file.
                if (!file.getFileName().toString().equals(".git")) {
                    Files.copy(file, to.resolve(Documents.ROOT.relativize(file)));
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** Runs a command by a shell, on the JDK of this process; if it still runs after so many seconds, it is stopped, and {@link #STOPPED} returned. */
    static int exitCode(Path folder, String command, int seconds) throws IOException, InterruptedException {
        Path log = Files.createTempFile("command", ".log");
        try {
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile());
            builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
            Process process = builder.start();
            process.getOutputStream().close();
            if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
                Stream.concat(process.descendants(), Stream.of(process.toHandle()))
                        .forEach(ProcessHandle::destroy);
                process.waitFor();
                return STOPPED;
            }
            if (process.exitValue() != 0) {
                List<String> lines = Files.readAllLines(log);
                System.err.println(String.join("\n", lines.subList(Math.max(0, lines.size() - 30), lines.size())));
            }
            return process.exitValue();
        } finally {
            Files.delete(log);
        }
    }

    Path folder() {
        return folder;
    }

    @Override
    public void close() throws IOException {
        commands.close();
        try {
            worker.waitFor();
        } catch (InterruptedException e) {
            worker.destroy();
            Thread.currentThread().interrupt();
        }
    }
}
