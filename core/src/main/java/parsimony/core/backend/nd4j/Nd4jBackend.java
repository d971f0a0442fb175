package parsimony.core.backend.nd4j;

import java.util.Locale;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Matrix products by the BLAS of ND4J, OpenBLAS or with the Maven profile {@code cuda} cuBLAS, all else as the vector backend does it. Operands are copied to native memory, which costs little beside a
 * large product; a small one would spend its time on the way to the BLAS and back, and stays with the vector backend.
 *
 * <p>ND4J writes its results column by column, and anything else by way of a copy. A row-major C [m, n] is a column-major Cᵀ [n, m], so that Cᵀ =
 * op(B)ᵀ · op(A)ᵀ is what is asked of it.
 */
public final class Nd4jBackend extends VectorBackend {
    /** Multiply-adds from which on the BLAS is worth the way there. */
    private static final long LEAST_WORK = 1 << 21;

    private final long leastWork;
    private final ThreadLocal<Operands> operands = ThreadLocal.withInitial(Operands::new);

    /**
     * Loads ND4J and its BLAS, whose number of threads is the process's, not the backend's: the last one made decides.
     *
     * @throws LinkageError if the native libraries or the Vector API cannot be loaded
     */
    public Nd4jBackend(int threads) {
        this(threads, LEAST_WORK);
    }

    /** A backend that leaves products of fewer than {@code leastWork} multiply-adds to the vector backend. */
    Nd4jBackend(int threads, long leastWork) {
        super(threads);
        this.leastWork = leastWork;
        Nd4j.factory().blas().setMaxThreads(threads);
    }

    @Override
    public String name() {
        return "nd4j";
    }

    @Override
    public String description() {
        String blas = Nd4j.factory().blas().getBlasVendor().toString().toLowerCase(Locale.ROOT);
        return "products by ND4J's " + blas.replace("openblas", "OpenBLAS").replace("cublas", "cuBLAS") + ", the rest: "
                + super.description();
    }

    /** Floats in native memory are multiplied where they are, or on a card, to which they are sent once; all other storages by tiles that are decoded each time. */
    @Override
    public PreparedMatrix prepare(WeightStorage storage) {
        PreparedMatrix byTiles = super.prepare(storage);
        return storage instanceof DenseStorage dense
                        && dense.type() == DataType.F32
                        && dense.data().isNative()
                ? new NativeMatrix(dense, byTiles)
                : byTiles;
    }

    @Override
    public void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate) {
        checkProduct(a, transposeA, b, transposeB, c);
        int m = c.rows();
        int n = c.columns();
        int inner = transposeA ? a.rows() : a.columns();
        if (isSmall(m, n, inner)) {
            super.multiply(a, transposeA, b, transposeB, c, accumulate);
            return;
        }
        Operands scratch = operands.get();
        scratch.a.load(a);
        scratch.b.load(b);
        INDArray left = transposeB ? scratch.b.rowMajor(n, inner) : scratch.b.columnMajor(n, inner);
        INDArray right = transposeA ? scratch.a.rowMajor(inner, m) : scratch.a.columnMajor(inner, m);
        left.mmuli(right, scratch.c.columnMajor(n, m));
        scratch.c.store(c, accumulate);
    }

    private boolean isSmall(int m, int n, int inner) {
        long work = (long) m * n * inner;
        return work == 0 || work < leastWork;
    }

    /** What a thread's products are copied to and from. */
    private static final class Operands {
        private final NativeFloats a = new NativeFloats();
        private final NativeFloats b = new NativeFloats();
        private final NativeFloats c = new NativeFloats();
    }

    /** Weights [out, in] that the BLAS reads from the memory, or the mapped file, that they are kept in. */
    private final class NativeMatrix implements PreparedMatrix {
        /** Inputs up to which reading the weights takes all the time, and dot products are as good as any. */
        private static final int FEW = 8;

        private final DenseStorage storage;
        private final PreparedMatrix byTiles;
        private final NativeFloats weights;

        NativeMatrix(DenseStorage storage, PreparedMatrix byTiles) {
            this.storage = storage;
            this.byTiles = byTiles;
            weights = new NativeFloats(storage.data());
        }

        @Override
        public void multiply(Tensor x, Tensor y) {
            if (staysWithVectors(x.rows())) {
                byTiles.multiply(x, y);
                return;
            }
            int n = x.rows();
            Operands scratch = operands.get();
            scratch.a.load(x.matrix());
            weights.rowMajor(storage.rows(), storage.columns())
                    .mmuli(scratch.a.columnMajor(storage.columns(), n), scratch.c.columnMajor(storage.rows(), n));
            scratch.c.store(y.matrix(), false);
        }

        @Override
        public void multiplyTransposed(Tensor dy, Tensor dx) {
            if (staysWithVectors(dy.rows())) {
                byTiles.multiplyTransposed(dy, dx);
                return;
            }
            int n = dy.rows();
            Operands scratch = operands.get();
            scratch.a.load(dy.matrix());
            weights.columnMajor(storage.columns(), storage.rows())
                    .mmuli(scratch.a.columnMajor(storage.rows(), n), scratch.c.columnMajor(storage.columns(), n));
            scratch.c.store(dx.matrix(), true);
        }

        private boolean staysWithVectors(int inputs) {
            return inputs <= FEW || isSmall(inputs, storage.rows(), storage.columns());
        }

        @Override
        public long extraBytes() {
            return byTiles.extraBytes() + (NativeFloats.isOnCard() ? storage.bytes() : 0);
        }
    }
}
