package parsimony.core.technique;

/** Something that the user can put right; the message is one sentence that says what. */
public class TechniqueException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public TechniqueException(String message) {
        super(message);
    }

    public TechniqueException(String message, Throwable cause) {
        super(message, cause);
    }
}
