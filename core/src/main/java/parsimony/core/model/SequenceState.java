package parsimony.core.model;

/** What one block remembers of one sequence between forward passes. New entries are tentative until they are committed. */
public interface SequenceState {
    /**
     * Keeps some of the entries that were added since the last commit and drops the others.
     *
     * @param kept indices of the entries to keep, ascending, 0 for the first that was added
     * @throws IllegalArgumentException if they do not ascend or were not added
     */
    void commit(int[] kept);

    /** Drops the entries that were added since the last commit. */
    void rollback();

    /** Says that about {@code entries} more are to come, for states that grow by copying. */
    default void reserve(int entries) {}

    /** Bytes that are held for this state. */
    long bytes();
}
