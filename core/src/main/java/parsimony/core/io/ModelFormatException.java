package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Path;

/** A model, tokenizer or token file that is not what it claims to be; the message is one sentence for its owner. */
public final class ModelFormatException extends IOException {
    /**
     * @param file the file at fault
     * @param offset where in the file, in bytes
     * @param reason what is wrong there, and what to do
     */
    public ModelFormatException(Path file, long offset, String reason) {
        super(file + ": " + reason + " (at byte " + offset + ")");
    }
}
