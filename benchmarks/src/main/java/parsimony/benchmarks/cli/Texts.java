package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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

    /** Files as they are, a document each. */
    static Corpus corpus(List<Path> files) throws IOException {
        List<Corpus.Document> documents = new ArrayList<>();
        for (Path file : files) {
            documents.add(new Corpus.Document(file.getFileName().toString(), read(file)));
        }
        return Corpus.of(documents);
    }
}
