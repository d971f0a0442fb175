package parsimony.core.backend;

/** Something that a device beside the processor could not do; the message is one sentence that says what, and what helps. */
public class DeviceException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public DeviceException(String message) {
        super(message);
    }

    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
