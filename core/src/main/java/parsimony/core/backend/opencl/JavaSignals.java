package parsimony.core.backend.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * Gives Java its signal handlers back. Java takes a null pointer, a division by zero or the moment to stop a thread from a signal; a driver with a compiler
 * in it, as PoCL with LLVM, installs handlers of its own for the same signals when it is opened, and Java then dies without a word at its next null pointer.
 * While one of these is open that may happen; closing it puts back what was there before.
 */
final class JavaSignals implements AutoCloseable {
    /** On every Unix the numbers from 1 on, of which some cannot be asked for. */
    private static final int SIGNALS = 31;
    /** More than a {@code struct sigaction} takes anywhere. */
    private static final long ACTION_BYTES = 256;

    private static final MethodHandle SIGACTION = find();

    private final Arena arena = Arena.ofConfined();
    /** The action of each signal; null where it cannot be asked for. */
    private final MemorySegment[] actions = new MemorySegment[SIGNALS + 1];

    /** Remembers who handles signals now. */
    JavaSignals() {
        for (int signal = 1; SIGACTION != null && signal <= SIGNALS; signal++) {
            MemorySegment action = arena.allocate(ACTION_BYTES, Long.BYTES);
            if (call(signal, MemorySegment.NULL, action)) {
                actions[signal] = action;
            }
        }
    }

    /** The addresses of the handlers. */
    List<Long> handlers() {
        List<Long> handlers = new ArrayList<>();
        for (MemorySegment action : actions) {
            handlers.add(action == null ? 0 : action.get(JAVA_LONG, 0));
        }
        return handlers;
    }

    private static MethodHandle find() {
        if (System.getProperty("os.name").startsWith("Windows")) {
            return null;
        }
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup()
                .find("sigaction")
                .map(address ->
                        linker.downcallHandle(address, FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS, ADDRESS)))
                .orElse(null);
    }

    private static boolean call(int signal, MemorySegment action, MemorySegment old) {
        try {
            return (int) SIGACTION.invokeExact(signal, action, old) == 0;
        } catch (Throwable e) {
            throw new AssertionError("a call of the C library does not throw", e);
        }
    }

    @Override
    public void close() {
        for (int signal = 1; signal <= SIGNALS; signal++) {
            if (actions[signal] != null) {
                // Signals that cannot be caught cannot be given back either, nor need they be.
                boolean _ = call(signal, actions[signal], MemorySegment.NULL);
            }
        }
        arena.close();
    }
}
