package parsimony.attention;

import parsimony.core.tensor.Matrix;

/** Buffers of one thread that are kept from tile to tile; their size does not depend on the length of the text. */
final class FlashScratch {
    private static final ThreadLocal<FlashScratch> THREADS = ThreadLocal.withInitial(FlashScratch::new);

    /** Columns of a tile come in multiples of this, so that vectors of any width have no remainder; those beyond the queries hold numbers that nobody reads. */
    private static final int LANES = 16;

    /** Of each query of a tile. */
    float[] max = {};

    float[] sum = {};
    float[] correction = {};

    private float[] scores = {};
    private float[] dScores = {};
    private float[] scaled = {};
    private float[] scaledKeys = {};

    private FlashScratch() {}

    /** The calling thread's buffers, large enough for a tile; what they hold is undefined. */
    static FlashScratch get(int keys, int queries, int headSize) {
        FlashScratch scratch = THREADS.get();
        int columns = columns(queries);
        if (scratch.max.length < columns) {
            scratch.max = new float[columns];
            scratch.sum = new float[columns];
            scratch.correction = new float[columns];
        }
        scratch.scores = enough(scratch.scores, keys * stride(queries));
        scratch.scaled = enough(scratch.scaled, queries * headSize);
        return scratch;
    }

    private static float[] enough(float[] buffer, int size) {
        return buffer.length < size ? new float[size] : buffer;
    }

    private static int columns(int queries) {
        return Math.ceilDiv(queries, LANES) * LANES;
    }

    /** One vector more, without which a column would fall into few sets of the cache. */
    private static int stride(int queries) {
        return columns(queries) + LANES;
    }

    /** A tile with a column for each query, and some more. */
    Matrix scores(int keys, int queries) {
        return new Matrix(scores, 0, keys, columns(queries), stride(queries));
    }

    Matrix dScores(int keys, int queries) {
        dScores = enough(dScores, keys * stride(queries));
        return new Matrix(dScores, 0, keys, columns(queries), stride(queries));
    }

    /** A copy of queries times the scale, so that no score need be multiplied. */
    Matrix scaled(Matrix queries, float scale) {
        return scaled(queries, scale, scaled);
    }

    Matrix scaledKeys(Matrix keys, float scale) {
        scaledKeys = enough(scaledKeys, keys.rows() * keys.columns());
        return scaled(keys, scale, scaledKeys);
    }

    private static Matrix scaled(Matrix x, float scale, float[] target) {
        for (int row = 0; row < x.rows(); row++) {
            System.arraycopy(x.data(), x.offset() + row * x.stride(), target, row * x.columns(), x.columns());
        }
        multiply(target, x.rows() * x.columns(), scale);
        return Matrix.of(target, x.rows(), x.columns());
    }

    private static void multiply(float[] x, int count, float factor) {
        for (int i = 0; i < count; i++) {
            x[i] *= factor;
        }
    }
}
