package parsimony.benchmarks.peers;

import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** C = A · B by ND4J's OpenBLAS at its best: all three in native memory and column by column, nothing copied. */
public final class OpenBlasProduct {
    private final INDArray a;
    private final INDArray b;
    private final INDArray c;

    /** Random matrices A [m, k] and B [k, n]. */
    public OpenBlasProduct(int m, int n, int k, int threads) {
        Nd4j.factory().blas().setMaxThreads(threads);
        a = Nd4j.rand(DataType.FLOAT, m, k).dup('f');
        b = Nd4j.rand(DataType.FLOAT, k, n).dup('f');
        c = Nd4j.createUninitialized(DataType.FLOAT, new long[] {m, n}, 'f');
    }

    /** Computes the product; the result is ND4J's C. */
    public Object multiply() {
        return a.mmuli(b, c);
    }
}
