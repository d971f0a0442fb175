package parsimony.core.backend.vector;

import parsimony.core.backend.PreparedMatrix;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Any storage, multiplied a tile of decoded rows at a time. Nothing is kept beside the storage; for storages that have a kernel of their own that is
 * faster.
 */
final class DecodedTiles implements PreparedMatrix {
    /** Decoded weights that a tile holds: within a core's L2 cache. */
    private static final int TILE_FLOATS = 1 << 17;
    /** Inputs up to which each decoded row is used at once, for dot products, without a tile. */
    private static final int FEW = 8;

    private final VectorBackend backend;
    private final WeightStorage storage;

    DecodedTiles(VectorBackend backend, WeightStorage storage) {
        this.backend = backend;
        this.storage = storage;
    }

    @Override
    public void multiply(Tensor x, Tensor y) {
        if (x.rows() <= FEW) {
            multiplyFew(x, y);
            return;
        }
        forTiles((first, tile) -> {
            Matrix out = y.matrix().columns(first, tile.rows());
            backend.multiply(x.matrix(), false, tile, true, out, false);
        });
    }

    private void multiplyFew(Tensor x, Tensor y) {
        int in = storage.columns();
        int out = storage.rows();
        int rowsPerTask = Math.max(1, (1 << 14) / in);
        backend.parallel(Math.ceilDiv(out, rowsPerTask), task -> {
            float[] weights = new float[in];
            for (int row = task * rowsPerTask; row < Math.min(out, (task + 1) * rowsPerTask); row++) {
                storage.decodeRow(row, weights, 0);
                for (int n = 0; n < x.rows(); n++) {
                    y.array()[n * out + row] = RowKernels.dot(weights, 0, x.array(), n * in, in);
                }
            }
        });
    }

    @Override
    public void multiplyTransposed(Tensor dy, Tensor dx) {
        forTiles((first, tile) -> {
            Matrix d = dy.matrix().columns(first, tile.rows());
            backend.multiply(d, false, tile, false, dx.matrix(), true);
        });
    }

    private void forTiles(TileTask task) {
        int in = storage.columns();
        int tileRows = Math.min(storage.rows(), Math.max(32, TILE_FLOATS / in));
        float[] tile = new float[tileRows * in];
        for (int first = 0; first < storage.rows(); first += tileRows) {
            int start = first;
            int rows = Math.min(tileRows, storage.rows() - first);
            backend.parallel(rows, row -> storage.decodeRow(start + row, tile, row * in));
            task.run(first, Matrix.of(tile, rows, in));
        }
    }

    @Override
    public long extraBytes() {
        return 0;
    }

    private interface TileTask {
        void run(int firstRow, Matrix tile);
    }
}
