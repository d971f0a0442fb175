package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;

class AtomicFolderTest {
    @TempDir
    Path parent;

    private Path target;

    @BeforeEach
    void name() {
        target = parent.resolve("model");
    }

    @Test
    void replacesAnEarlierModel() throws IOException {
        AtomicFolder.write(target, folder -> {
            Files.writeString(folder.resolve("config.json"), "old");
            Files.writeString(folder.resolve("model-00001-of-00002.safetensors"), "old");
            assertThat(target).doesNotExist();
        });
        AtomicFolder.write(target, folder -> Files.writeString(folder.resolve("config.json"), "new"));

        assertThat(target).isDirectoryNotContaining("glob:**.safetensors");
        assertThat(target.resolve("config.json")).hasContent("new");
        assertThat(parent.toFile().list()).containsExactly("model");
    }

    @Test
    void afterAFailureTheEarlierModelIsThere() throws IOException {
        AtomicFolder.write(target, folder -> Files.writeString(folder.resolve("config.json"), "old"));

        assertThatThrownBy(() -> AtomicFolder.write(target, folder -> {
                    Files.writeString(folder.resolve("config.json"), "new");
                    throw new IOException("disk full");
                }))
                .hasMessage("disk full");

        assertThat(target.resolve("config.json")).hasContent("old");
        assertThat(parent.toFile().list()).containsExactly("model");
    }

    @Test
    void sparesAFolderThatHoldsAnythingElse() throws IOException {
        Files.createDirectory(target);
        Files.writeString(target.resolve("thesis.tex"), "years of work");

        assertThatThrownBy(() -> AtomicFolder.write(target, folder -> {}))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage(
                        target + ": this folder holds thesis.tex, which is no part of a model; name another folder");

        assertThat(target.resolve("thesis.tex")).hasContent("years of work");
    }

    @Test
    void refusesAFileInItsPlaceAndAMissingParent() throws IOException {
        Files.writeString(target, "a file");
        assertThatThrownBy(() -> AtomicFolder.write(target, folder -> {})).hasMessageContaining("this is a file");
        assertThatThrownBy(() -> AtomicFolder.write(parent.resolve("none/model"), folder -> {}))
                .hasMessageContaining("does not exist");
    }

    @Test
    void followsASymbolicLink() throws IOException {
        Path real = Files.createDirectory(parent.resolve("real"));
        Files.createSymbolicLink(target, real);

        AtomicFolder.write(target, folder -> Files.writeString(folder.resolve("config.json"), "new"));

        assertThat(target).isSymbolicLink();
        assertThat(real.resolve("config.json")).hasContent("new");
    }
}
