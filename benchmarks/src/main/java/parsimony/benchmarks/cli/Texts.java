package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import parsimony.benchmarks.text.JavaText;
import parsimony.core.text.Corpus;

/** Text for a model to read, from files. */
final class Texts {
    private Texts() {}

    /** The content of a file. */
    static String read(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IOException(file + " is a folder, where a text file is needed");
        }
        try {
            return Files.readString(file);
        } catch (CharacterCodingException e) {
            throw new IOException(file + " is not UTF-8 text", e);
        }
    }

    /** Files as they are, a document each; of jars the Java sources in them. */
    static Corpus corpus(List<Path> files) throws IOException {
        return together(files, Corpus.read(jars(files)));
    }

    /** As {@link #corpus}, but of jars without what shares text with the libraries that models are measured on. */
    static Corpus toLearn(List<Path> files) throws IOException {
        List<Path> jars = jars(files);
        return jars.isEmpty()
                ? corpus(files)
                : together(
                        files,
                        Corpus.read(jars)
                                .dropOverlapping(JavaText.heldOut(), JavaText.OVERLAP_THRESHOLD)
                                .kept());
    }

    private static List<Path> jars(List<Path> files) {
        return files.stream().filter(Texts::isJar).toList();
    }

    private static boolean isJar(Path file) {
        return file.toString().endsWith(".jar");
    }

    private static Corpus together(List<Path> files, Corpus ofJars) throws IOException {
        List<Corpus.Document> documents = new ArrayList<>(ofJars.documents());
        for (Path file : files) {
            if (!isJar(file)) {
                documents.add(new Corpus.Document(file.getFileName().toString(), read(file)));
            }
        }
        return Corpus.of(documents);
    }
}
