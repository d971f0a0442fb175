package parsimony.benchmarks.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.io.LanguageModel;
import parsimony.core.text.Corpus;

/** Text for a model to read, from files or from a corpus. */
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

    /**
     * The beginnings of documents for techniques that want to see what a model reads, each after the token that begins a text. Documents that are shorter than {@code
     * length} tokens are passed over, if there are others.
     */
    static List<int[]> calibration(LanguageModel model, Corpus corpus, int sequences, int length) {
        List<int[]> full = new ArrayList<>();
        List<int[]> shorter = new ArrayList<>();
        for (Corpus.Document document : corpus.documents()) {
            int[] tokens = model.tokenizer().encode(document.text(), true);
            if (tokens.length >= length) {
                full.add(Arrays.copyOf(tokens, length));
            } else if (tokens.length > 0) {
                shorter.add(tokens);
            }
            if (full.size() == sequences) {
                break;
            }
        }
        List<int[]> chosen = full.isEmpty() ? shorter : full;
        return chosen.subList(0, Math.min(sequences, chosen.size()));
    }
}
