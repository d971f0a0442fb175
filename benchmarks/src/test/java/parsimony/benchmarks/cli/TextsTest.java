package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.text.Corpus;

class TextsTest {
    @TempDir
    private Path folder;

    @Test
    void ofJarsWhatModelsAreMeasuredOnIsNotLearned() throws IOException {
        String own = "class Own {\n    int answer() {\n        return 42;\n    }\n}\n";
        Path jar = folder.resolve("some-sources.jar");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            entry(zip, "Copy.java", JavaText.heldOut().documents().getFirst().text());
            entry(zip, "Own.java", own);
        }
        Path text = Files.writeString(folder.resolve("notes.txt"), "notes");
        assertThat(Texts.corpus(List.of(jar, text)).documents()).hasSize(3);
        assertThat(Texts.toLearn(List.of(jar, text)).documents())
                .extracting(Corpus.Document::text)
                .containsExactly(own, "notes");
    }

    private static void entry(ZipOutputStream zip, String name, String text) throws IOException {
        zip.putNextEntry(new ZipEntry(name));
        zip.write(text.getBytes(StandardCharsets.UTF_8));
    }
}
