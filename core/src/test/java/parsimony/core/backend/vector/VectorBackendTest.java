package parsimony.core.backend.vector;

import parsimony.core.backend.Backend;
import parsimony.core.backend.BackendContract;

class VectorBackendTest extends BackendContract {
    @Override
    protected Backend create(int threads) {
        return new VectorBackend(threads);
    }
}
