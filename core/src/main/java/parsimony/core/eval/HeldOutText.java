package parsimony.core.eval;

import java.nio.charset.StandardCharsets;
import java.util.List;
import parsimony.core.text.Corpus;
import parsimony.core.text.Tokenizer;

/**
 * Text that no model was trained on, as token ids.
 *
 * @param name what it is called beside the numbers
 * @param documents files, each read from its own beginning
 */
public record HeldOutText(String name, List<Document> documents) {
    public HeldOutText {
        documents = List.copyOf(documents);
    }

    /** A corpus as a tokenizer cuts it. */
    public static HeldOutText of(String name, Corpus corpus, Tokenizer tokenizer) {
        return new HeldOutText(
                name,
                corpus.documents().stream()
                        .map(document -> new Document(
                                tokenizer.encode(document.text(), false),
                                document.text().getBytes(StandardCharsets.UTF_8).length))
                        .toList());
    }

    /** Tokens of all documents. */
    public long tokens() {
        return documents.stream()
                .mapToLong(document -> document.tokens().length)
                .sum();
    }

    /** Bytes of all documents. */
    public long bytes() {
        return documents.stream().mapToLong(Document::bytes).sum();
    }

    /**
     * One file.
     *
     * @param tokens all of it, without a token for its beginning or its end
     * @param bytes its length in UTF-8, which the tokens spell out
     */
    public record Document(int[] tokens, long bytes) {}
}
