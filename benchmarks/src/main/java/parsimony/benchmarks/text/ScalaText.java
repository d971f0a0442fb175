package parsimony.benchmarks.text;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import parsimony.core.text.Corpus;

/**
 * Another kind of text than the embedded models know: the Scala sources of Scala's own library, which come with the project's dependencies.
 *
 * @param training nine of ten files, without those that share text with the others
 * @param heldOut every tenth file
 */
public record ScalaText(Corpus training, Corpus heldOut) {
    /** What the text is called beside numbers. */
    public static final String NAME = "scala-library 2.13.18";

    private static final List<String> SOURCES = List.of("scala/collection/immutable/List.scala");
    private static final int HELD_OUT_EVERY = 10;

    /** Reads and splits it. */
    public static ScalaText read() throws IOException {
        return split(Corpus.read(JavaText.jars(SOURCES), ".scala"));
    }

    /** Splits other text in the same way. */
    public static ScalaText split(Corpus corpus) {
        List<Corpus.Document> training = new ArrayList<>();
        List<Corpus.Document> heldOut = new ArrayList<>();
        for (int i = 0; i < corpus.documents().size(); i++) {
            boolean held = i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1;
            (held ? heldOut : training).add(corpus.documents().get(i));
        }
        Corpus apart = Corpus.of(heldOut);
        return new ScalaText(
                Corpus.of(training)
                        .dropOverlapping(apart, JavaText.OVERLAP_THRESHOLD)
                        .kept(),
                apart);
    }
}
