package parsimony.core.technique;

/**
 * A technique, an option or a value that does not exist; the message is one sentence that names it and what is
 * allowed.
 */
public final class OptionException extends TechniqueException {
    private static final long serialVersionUID = 1;

    public OptionException(String message) {
        super(message);
    }

    OptionException(String message, Throwable cause) {
        super(message, cause);
    }
}
