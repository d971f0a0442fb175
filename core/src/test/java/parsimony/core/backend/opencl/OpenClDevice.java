package parsimony.core.backend.opencl;

import java.util.function.UnaryOperator;
import org.opentest4j.TestAbortedException;
import parsimony.core.backend.DeviceException;

/**
 * Where tests get a device from: they are skipped where there is none, unless the environment variable {@code PARSIMONY_OPENCL_REQUIRED} says that there must be one, as continuous
 * integration does.
 */
public final class OpenClDevice {
    private OpenClDevice() {}

    /** A backend as users get it. */
    public static OpenClBackend open() {
        return open(2, limits -> limits, false);
    }

    static OpenClBackend open(int threads, UnaryOperator<Limits> pretended, boolean everything) {
        try {
            return new OpenClBackend(threads, pretended, everything);
        } catch (DeviceException e) {
            if (System.getenv("PARSIMONY_OPENCL_REQUIRED") != null) {
                throw e;
            }
            throw new TestAbortedException("no OpenCL here: " + e.getMessage(), e);
        }
    }
}
