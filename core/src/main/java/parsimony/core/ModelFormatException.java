package parsimony.core;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A model file that is malformed or not supported. The message is one sentence with the file, the place in it and the
 * reason.
 */
public final class ModelFormatException extends IOException {
    private static final long serialVersionUID = 1;

    private final long offset;

    /**
     * @param offset the byte at which the trouble lies, or −1 if no single place is to blame
     * @param reason what is wrong, and what to do where that is not plain
     */
    public ModelFormatException(Path file, long offset, String reason) {
        super(file + (offset < 0 ? ": " : ", byte " + offset + ": ") + reason);
        this.offset = offset;
    }

    /** The byte at which the trouble lies, or −1. */
    public long offset() {
        return offset;
    }
}
