package parsimony.core.autograd;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import parsimony.core.tensor.Tensor;

/**
 * What {@link Ops} remembers of a forward pass so that gradients can flow back through it. Ops record only while a tape is open on their
 * thread, so one forward pass serves inference, which keeps nothing, and training.
 */
public final class Tape {
    private static final ScopedValue<Tape> OPEN = ScopedValue.newInstance();

    private final Deque<Step> steps = new ArrayDeque<>();
    private final Set<Tensor> saved = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Tensor, Integer> pendingSteps = new IdentityHashMap<>();

    private record Step(Runnable run, List<Tensor> parameters) {}

    /** Runs {@code forward} with this tape open. */
    public <T> T record(Supplier<T> forward) {
        return ScopedValue.where(OPEN, this).call(forward::get);
    }

    /** Runs the recorded steps from last to first, each of which adds to its inputs' gradients, and forgets them. */
    public void backward() {
        backward(parameter -> {});
    }

    /**
     * The same, for who wants to use up a gradient before the next one is made.
     *
     * @param complete is given each parameter in training as soon as all of its gradient has arrived, if any came
     */
    public void backward(Consumer<Tensor> complete) {
        saved.clear();
        while (!steps.isEmpty()) {
            Step step = steps.pop();
            step.run.run();
            for (Tensor parameter : step.parameters) {
                if (pendingSteps.merge(parameter, -1, Integer::sum) == 0 && parameter.gradient() != null) {
                    complete.accept(parameter);
                }
            }
        }
        pendingSteps.clear();
    }

    /** Bytes of the activations that recorded steps keep for the backward pass; one that several steps read counts once. */
    public long savedBytes() {
        return saved.stream()
                .mapToLong(tensor -> (long) Float.BYTES * tensor.size())
                .sum();
    }

    /** Whether the calling thread records, and ops must keep what their backward step needs. */
    public static boolean isOpen() {
        return OPEN.isBound();
    }

    /**
     * Adds a backward step to the open tape, if there is one.
     *
     * @param saved activations whose numbers the step will read
     * @param parameters those in training whose gradients the step adds to
     */
    public static void onBackward(List<Tensor> saved, List<Tensor> parameters, Runnable step) {
        if (OPEN.isBound()) {
            Tape tape = OPEN.get();
            tape.steps.push(new Step(step, parameters));
            tape.saved.addAll(saved);
            parameters.forEach(parameter -> tape.pendingSteps.merge(parameter, 1, Integer::sum));
        }
    }
}
