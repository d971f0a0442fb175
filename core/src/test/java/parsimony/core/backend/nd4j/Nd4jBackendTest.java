package parsimony.core.backend.nd4j;

import parsimony.core.backend.Backend;
import parsimony.core.backend.BackendContract;

/** Every product goes through the BLAS, however small. */
class Nd4jBackendTest extends BackendContract {
    @Override
    protected Backend create(int threads) {
        return new Nd4jBackend(threads, 0);
    }

    @Override
    protected boolean sumsDependOnThreads() {
        return true;
    }
}
