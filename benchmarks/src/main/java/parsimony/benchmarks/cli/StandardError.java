package parsimony.benchmarks.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Java warns of incubator modules before any of our code runs, and cannot be told not to. The launcher therefore starts it with standard error
 * closed to it, and the real one under another number, which is put back here, for native libraries too.
 */
final class StandardError {
    private static final int STANDARD_ERROR = 2;

    private StandardError() {}

    static void restore() {
        String real = System.getenv("PARSIMONY_STANDARD_ERROR");
        if (real == null) {
            return;
        }
        Linker linker = Linker.nativeLinker();
        MethodHandle dup2 = linker.downcallHandle(
                linker.defaultLookup().findOrThrow("dup2"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        try {
            int result = (int) dup2.invokeExact(Integer.parseInt(real), STANDARD_ERROR);
            if (result != STANDARD_ERROR) {
                System.out.println("parsimony: there is no standard error under the number " + real);
            }
        } catch (Throwable e) {
            throw new IllegalStateException("dup2 cannot be called", e);
        }
    }
}
