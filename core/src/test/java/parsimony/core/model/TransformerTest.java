package parsimony.core.model;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Nested;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.backend.vector.VectorBackend;

class TransformerTest {
    private static final VectorBackend VECTOR = new VectorBackend(2);

    @AfterAll
    static void close() {
        VECTOR.close();
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
}
