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

    /** Another state that goes on from the same committed entries; tentative ones stay with this one alone. */
    SequenceState fork();

    /** Bytes that are held for this state. */
    long bytes();

    /** Gives back what is shared with other sequences, such as the blocks of a pool; the state must not be used any more. */
    default void close() {}
}
