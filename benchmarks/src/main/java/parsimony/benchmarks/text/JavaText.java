package parsimony.benchmarks.text;

import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import parsimony.core.text.Corpus;

/** Real Java text that comes with the project's dependencies: source jars on the class path. */
public final class JavaText {
    /** A file that shares more of its text than this with a held-out one is not to be learned. */
    public static final double OVERLAP_THRESHOLD = 0.1;

    /** A file of each library whose sources no embedded model was trained on. */
    private static final List<String> HELD_OUT =
            List.of("org/apache/commons/lang3/StringUtils.java", "org/apache/commons/collections4/MapUtils.java");

    /** A file of a library that is part of the training text, and so may be used for calibration. */
    private static final List<String> CALIBRATION = List.of("org/apache/commons/text/WordUtils.java");

    private JavaText() {}

    /** commons-lang3 and commons-collections4, licence headers cut off. */
    public static Corpus heldOut() throws IOException {
        return Corpus.read(jars(HELD_OUT));
    }

    /** Text that techniques may look at: never the held-out text. */
    public static Corpus calibration() throws IOException {
        return Corpus.read(jars(CALIBRATION));
    }

    /** Documents drawn without replacement, of at most {@code bytes} characters together but at least one; the same ones for the same seed. */
    public static Corpus sample(Corpus corpus, long bytes, long seed) {
        List<Corpus.Document> sample = new ArrayList<>();
        List<Corpus.Document> drawn = drawn(corpus, seed);
        long size = 0;
        for (Corpus.Document document : drawn) {
            boolean isLast = document == drawn.getLast();
            if (size + document.text().length() <= bytes || (sample.isEmpty() && isLast)) {
                sample.add(document);
                size += document.text().length();
            }
        }
        return Corpus.of(sample);
    }

    /** All documents, in an order that the seed draws. */
    public static List<Corpus.Document> drawn(Corpus corpus, long seed) {
        List<Corpus.Document> rest = new ArrayList<>(corpus.documents());
        List<Corpus.Document> drawn = new ArrayList<>();
        SplittableRandom random = new SplittableRandom(seed);
        while (!rest.isEmpty()) {
            drawn.add(rest.remove(random.nextInt(rest.size())));
        }
        return drawn;
    }

    static List<Path> jars(List<String> entries) throws IOException {
        List<Path> jars = new ArrayList<>();
        for (String entry : entries) {
            URL url = JavaText.class.getClassLoader().getResource(entry);
            if (url == null || !url.getProtocol().equals("jar")) {
                throw new IOException("the sources that hold " + entry
                        + " are not on the class path; start the program with ./parsimony");
            }
            String location = url.getPath();
            jars.add(Path.of(URI.create(location.substring(0, location.indexOf("!/")))));
        }
        return jars;
    }
}
