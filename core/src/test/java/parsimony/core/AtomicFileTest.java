package parsimony.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    private Path folder;

    private Path target;

    @BeforeEach
    void name() {
        target = folder.resolve("result");
    }

    private static void write(Path file, String text) throws IOException {
        AtomicFile.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void replacesAFileAndLeavesNothingElse() throws IOException {
        write(target, "old, and longer");
        write(target, "new");
        assertThat(target).hasContent("new");
        assertThat(folder.toFile().list()).containsExactly("result");
    }

    @Test
    void afterAFailureTheEarlierFileIsThereAndTheNewOneIsNamed() throws IOException {
        write(target, "old");
        // What a channel throws on a full disk.
        assertThatThrownBy(() -> AtomicFile.write(target, channel -> {
                    AtomicFile.writeFully(channel, ByteBuffer.wrap(new byte[100]));
                    throw new IOException("No space left on device");
                }))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(target + ": No space left on device");
        assertThat(target).hasContent("old");
        assertThat(folder.toFile().list()).containsExactly("result");
    }

    @Test
    void refusesAFolderADeviceAndAMissingFolder() throws IOException {
        Files.createDirectory(target);
        assertThatThrownBy(() -> write(target, "x"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("this is a folder");
        assertThatThrownBy(() -> write(Path.of("/dev/null"), "x"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("no regular file");
        assertThatThrownBy(() -> write(folder.resolve("none/result"), "x"))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("does not exist");
    }

    @Test
    void followsASymbolicLink() throws IOException {
        Path real = Files.writeString(folder.resolve("real"), "old");
        Files.createSymbolicLink(target, real);
        write(target, "new");
        assertThat(target).isSymbolicLink();
        assertThat(real).hasContent("new");
    }

    @Test
    void whatInterruptsTheProcessRemovesWhatItWasWriting() throws Exception {
        write(target, "old");
        Process process = writer();
        // Unlike the process itself, its handle leaves the stream open.
        process.toHandle().destroy();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.getInputStream().readAllBytes()).isEmpty();
        assertThat(target).hasContent("old");
        assertThat(folder.toFile().list()).containsExactly("result");
    }

    @Test
    void whatAKilledProcessLeftIsRemovedByTheNextWrite() throws Exception {
        Path other = Files.writeString(
                folder.resolve(".result." + ProcessHandle.current().pid() + "-1.part"), "of a living process");
        writer().destroyForcibly().waitFor();
        assertThat(folder.toFile().list()).hasSize(2);
        write(target, "new");
        assertThat(folder.toFile().list())
                .containsExactlyInAnyOrder("result", other.getFileName().toString());
    }

    /** A process that has begun to write {@code target} and does not end by itself. */
    private Process writer() throws IOException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        AtomicFileTest.class.getName(),
                        target.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(process.getInputStream().read()).isEqualTo('.');
        return process;
    }

    /** The process that the tests end. */
    public static void main(String[] arguments) throws IOException {
        AtomicFile.write(Path.of(arguments[0]), channel -> {
            AtomicFile.writeFully(channel, ByteBuffer.wrap(new byte[100]));
            System.out.write('.');
            System.out.flush();
            while (true) {
                // Writing goes on while the process ends.
                AtomicFile.writeFully(channel, ByteBuffer.wrap(new byte[1]));
            }
        });
    }
}
