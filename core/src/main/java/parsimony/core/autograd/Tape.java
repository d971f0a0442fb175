package parsimony.core.autograd;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;

/**
 * What {@link Ops} remembers of a forward pass so that gradients can flow back through it. Ops record only while a tape is open on their
 * thread, so one forward pass serves inference, which keeps nothing, and training.
 */
public final class Tape {
    private static final ScopedValue<Tape> OPEN = ScopedValue.newInstance();

    private final Deque<Runnable> steps = new ArrayDeque<>();
    private long savedBytes;

    /** Runs {@code forward} with this tape open. */
    public <T> T record(Supplier<T> forward) {
        return ScopedValue.where(OPEN, this).call(forward::get);
    }

    /** Runs the recorded steps from last to first, each of which adds to its inputs' gradients, and forgets them. */
    public void backward() {
        while (!steps.isEmpty()) {
            steps.pop().run();
        }
        savedBytes = 0;
    }

    /** Bytes of the activations that recorded steps keep for the backward pass. */
    public long savedBytes() {
        return savedBytes;
    }

    /** Whether the calling thread records, and ops must keep what their backward step needs. */
    public static boolean isOpen() {
        return OPEN.isBound();
    }

    /**
     * Adds a backward step to the open tape, if there is one.
     *
     * @param bytes what the step keeps alive
     */
    public static void onBackward(long bytes, Runnable step) {
        if (OPEN.isBound()) {
            Tape tape = OPEN.get();
            tape.steps.push(step);
            tape.savedBytes += bytes;
        }
    }
}
