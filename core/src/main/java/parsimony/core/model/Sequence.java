package parsimony.core.model;

import java.util.List;
import java.util.stream.IntStream;

/** One text that is being read or written: the states of all blocks and the number of tokens they agree on. */
public final class Sequence implements AutoCloseable {
    private final List<SequenceState> states;
    private int length;

    Sequence(List<SequenceState> states, int length) {
        this.states = states;
        this.length = length;
    }

    /** Tokens that are committed, which is the position of the next one. */
    public int length() {
        return length;
    }

    /** What a block remembers. Whoever adds to it must add as many entries to those of all blocks before the next {@link #commit}. */
    public SequenceState state(int block) {
        return states.get(block);
    }

    /** Keeps all {@code count} tokens of the last forward pass. */
    public void commit(int count) {
        commit(IntStream.range(0, count).toArray());
    }

    /** Keeps some tokens of the last forward pass, given by their rows in it, ascending. */
    public void commit(int[] kept) {
        states.forEach(state -> state.commit(kept));
        length += kept.length;
    }

    /** Forgets the last forward pass. */
    public void rollback() {
        states.forEach(SequenceState::rollback);
    }

    /** Another sequence that goes on from the same committed tokens; states that can, such as pages, are shared until one of the two writes to them. */
    public Sequence fork() {
        return new Sequence(states.stream().map(SequenceState::fork).toList(), length);
    }

    /** Says that about {@code tokens} more tokens are to come, so that states need not grow step by step. */
    public void reserve(int tokens) {
        states.forEach(state -> state.reserve(tokens));
    }

    /** Bytes of all states. */
    public long bytes() {
        return states.stream().mapToLong(SequenceState::bytes).sum();
    }

    /** Gives back what is shared with other sequences; the sequence must not be used any more. */
    @Override
    public void close() {
        states.forEach(SequenceState::close);
    }
}
