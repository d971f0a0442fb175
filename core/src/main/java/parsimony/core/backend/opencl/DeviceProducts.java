package parsimony.core.backend.opencl;

import parsimony.core.backend.opencl.Kernels.Gemm;
import parsimony.core.backend.opencl.Kernels.Kernel;

/**
 * Products of matrices on the device, by gemm.cl or what takes its place. A product with too few tiles for all of the device's units, but with long sums, as the gradients of weights
 * have them, is cut along the sums; the pieces are added in a fixed order. Callers hold the queue's monitor, in a pass.
 */
final class DeviceProducts {
    /** Terms of a sum that a piece has at least. */
    private static final int LEAST_PIECE = 256;
    /** Tiles that there are to be for each unit before nothing is cut. */
    private static final int TILES_PER_UNIT = 2;

    private final DeviceQueue queue;
    private final Kernels kernels;
    private final DeviceTensors tensors;

    DeviceProducts(DeviceQueue queue, Kernels kernels, DeviceTensors tensors) {
        this.queue = queue;
        this.kernels = kernels;
        this.tensors = tensors;
    }

    /**
     * Matrices in a buffer: element (i, j) of pair p is at {@code offset + p / innerCount · outer + p % innerCount · inner + i · row + j · column}.
     */
    record Operand(Buffer buffer, int offset, int row, int column, int outer, int inner) {
        /** A matrix without gaps, or what it is when transposed. */
        static Operand of(Buffer buffer, int columns, boolean transposed) {
            return transposed ? new Operand(buffer, 0, 1, columns, 0, 0) : new Operand(buffer, 0, columns, 1, 0, 0);
        }

        Operand transposed() {
            return new Operand(buffer, offset, column, row, outer, inner);
        }
    }

    /**
     * How many pairs of matrices are multiplied at once.
     *
     * @param outerCount pairs apart by {@code outer}
     * @param innerCount pairs apart by {@code inner} in each of these
     */
    record Batch(int outerCount, int innerCount) {
        static final Batch ONE = new Batch(1, 1);
    }

    /**
     * C = A · B or C += A · B.
     *
     * @param a [m, inner]
     * @param b [inner, n]
     * @param c [m, n], without gaps
     */
    void multiply(int m, int n, int inner, Operand a, Operand b, Buffer c, boolean accumulate) {
        int pieces = pieces(m, n, inner);
        if (pieces == 1) {
            multiply(m, n, inner, a, b, Operand.of(c, n, false), Batch.ONE, accumulate);
            return;
        }
        int terms = inner / pieces;
        int size = Math.multiplyExact(m, n);
        Buffer sums = tensors.borrow((long) pieces * size);
        multiply(
                m,
                n,
                terms,
                new Operand(a.buffer, a.offset, a.row, a.column, terms * a.column, 0),
                new Operand(b.buffer, b.offset, b.row, b.column, terms * b.row, 0),
                new Operand(sums, 0, n, 1, size, 0),
                new Batch(pieces, 1),
                false);
        addParts(size, pieces, sums, c, accumulate);
    }

    /** y = Σ parts or y += Σ parts, of {@code parts} [parts, size]. */
    void addParts(int size, int parts, Buffer sums, Buffer y, boolean accumulate) {
        Kernel kernel = kernels.find("elementwise", "sum_parts").orElseThrow();
        queue.launch(
                kernel.handle(),
                new long[] {OpenClBackend.roundUp(size, kernel.lanes())},
                new long[] {kernel.lanes()},
                size,
                parts,
                accumulate ? 1 : 0,
                sums,
                y);
    }

    private int pieces(int m, int n, int inner) {
        int tile = kernels.gemm(m, n).orElseThrow().tileRows();
        long tiles = (long) Math.ceilDiv(m, tile) * Math.ceilDiv(n, tile);
        long wanted = (long) TILES_PER_UNIT * queue.device().computeUnits();
        int pieces = 1;
        if (kernels.find("elementwise", "sum_parts").isEmpty()) {
            return pieces;
        }
        while (tiles * pieces < wanted && inner % (2 * pieces) == 0 && inner / (2 * pieces) >= LEAST_PIECE) {
            pieces *= 2;
        }
        return pieces;
    }

    /** The same for many pairs at once, wherever they lie; C's rows have no gaps. */
    void multiply(int m, int n, int inner, Operand a, Operand b, Operand c, Batch batch, boolean accumulate) {
        Gemm gemm = kernels.gemm(m, n).orElseThrow();
        int pairs = Math.multiplyExact(batch.outerCount, batch.innerCount);
        queue.launch(
                gemm.kernel().handle(),
                new long[] {
                    Math.ceilDiv(n, gemm.tileColumns()) * (long) gemm.itemsAcross(),
                    Math.ceilDiv(m, gemm.tileRows()) * (long) gemm.itemsDown(),
                    pairs
                },
                new long[] {gemm.itemsAcross(), gemm.itemsDown(), 1},
                m,
                n,
                inner,
                a.buffer,
                a.offset,
                a.row,
                a.column,
                a.outer,
                a.inner,
                b.buffer,
                b.offset,
                b.row,
                b.column,
                b.outer,
                b.inner,
                c.buffer,
                c.offset,
                c.row,
                c.outer,
                c.inner,
                batch.innerCount,
                accumulate ? 1 : 0);
    }
}
