package parsimony.core.eval;

import java.util.List;

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
