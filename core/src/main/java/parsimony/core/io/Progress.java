package parsimony.core.io;

/** Is told how far the writing of a file has come. */
@FunctionalInterface
public interface Progress {
    /** Tells nobody. */
    Progress NONE = (done, total) -> {};

    /**
     * @param done bytes written
     * @param total bytes of the whole file
     */
    void update(long done, long total);
}
