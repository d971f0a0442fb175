package parsimony.core.model;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;
import parsimony.core.backend.opencl.OpenClBackend;
import parsimony.core.backend.opencl.OpenClDevice;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.backend.vector.VectorBackend;

class TransformerTest {
    private static final VectorBackend VECTOR = new VectorBackend(2);
    private static OpenClBackend openCl;

    @AfterAll
    static void close() {
        VECTOR.close();
        if (openCl != null) {
            openCl.close();
        }
    }

    @Nested
    class OnScalar extends TransformerContract {
        OnScalar() {
            super(new ScalarBackend());
        }
    }

    @Nested
    class OnVector extends TransformerContract {
        OnVector() {
            super(VECTOR);
        }
    }

    @Nested
    class OnOpenCl extends TransformerContract {
        OnOpenCl() {
            super(openCl());
        }
    }

    private static OpenClBackend openCl() {
        if (openCl == null) {
            openCl = OpenClDevice.open();
        }
        return openCl;
    }
}
