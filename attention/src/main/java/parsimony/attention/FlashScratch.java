package parsimony.attention;

import parsimony.core.tensor.Matrix;

/** Buffers of one thread that are kept from tile to tile; their size does not depend on the length of the text. */
final class FlashScratch {
    private static final ThreadLocal<FlashScratch> THREADS = ThreadLocal.withInitial(FlashScratch::new);

    /** Numbers between the rows of a tile, without which a column would fall into few sets of the cache. */
    private static final int PADDING = 16;

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
        if (scratch.max.length < queries) {
            scratch.max = new float[queries];
            scratch.sum = new float[queries];
            scratch.correction = new float[queries];
        }
        scratch.scores = enough(scratch.scores, keys * (queries + PADDING));
        scratch.scaled = enough(scratch.scaled, queries * headSize);
        return scratch;
    }

    private static float[] enough(float[] buffer, int size) {
        return buffer.length < size ? new float[size] : buffer;
    }

    Matrix scores(int keys, int queries) {
        return new Matrix(scores, 0, keys, queries, queries + PADDING);
    }

    Matrix dScores(int keys, int queries) {
        dScores = enough(dScores, keys * (queries + PADDING));
        return new Matrix(dScores, 0, keys, queries, queries + PADDING);
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
            scaleRow(x.data(), x.offset() + row * x.stride(), target, row * x.columns(), x.columns(), scale);
        }
        return Matrix.of(target, x.rows(), x.columns());
    }

    private static void scaleRow(float[] source, int from, float[] target, int to, int count, float scale) {
        for (int i = 0; i < count; i++) {
            target[to + i] = source[from + i] * scale;
        }
    }
}
