package parsimony.core.backend.opencl;

import parsimony.core.backend.Backend;
import parsimony.core.backend.BackendContract;

/** All that there are kernels for runs on the device, however small. */
class OpenClBackendTest extends BackendContract {
    @Override
    protected Backend create(int threads) {
        return OpenClDevice.open(threads, limits -> limits, true);
    }
}
