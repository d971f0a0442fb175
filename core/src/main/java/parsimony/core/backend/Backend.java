package parsimony.core.backend;

import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Every op of a forward and a backward pass. The scalar backend defines what each op computes; the others are checked against it. Ops whose
 * name ends in {@code Backward} add to the gradients they are given, all others overwrite their result. Sums are taken in an order that depends on
 * shapes alone, so that the same numbers come out whatever the threads do.
 */
public interface Backend extends AutoCloseable {
    /** The name on the command line. */
    String name();

    /** One line for people: what runs, on how many threads and how wide. */
    String description();

    int threads();

    /** Runs {@code task} for 0 … tasks − 1, in any order, on all threads; a call from inside a task runs in line. */
    void parallel(int tasks, IntConsumer task);

    /** Rows up to which a product gives each row the bits that it gets alone, whatever the others are. */
    default int rowsAlike() {
        return 1;
    }

    /**
     * Runs {@code work}, a forward pass, a part of one, or steps of training, whose tensors a device may keep until it ends. What outlives it is the tensor that it gives, if it
     * gives one, and tensors that were there before; the numbers of all others that {@link #result} and {@link #zeros} gave may be gone. A tape that is open needs them later, so
     * a pass may hold a tape from its first step to its last, and must not begin while one is open.
     *
     * @param work may give null
     */
    default <T> T pass(Supplier<T> work) {
        return work.get();
    }

    /** A tensor all of whose numbers the next op writes. */
    default Tensor result(int... shape) {
        return Tensor.zeros(shape);
    }

    /** A tensor of zeros, for ops to add to. */
    default Tensor zeros(int... shape) {
        return Tensor.zeros(shape);
    }

    /** A copy for the next op to change. */
    default Tensor copy(Tensor x) {
        return x.copy();
    }

    /** Attention on a device, if this backend has that and a pass is open on this thread. */
    default Optional<DeviceAttention> deviceAttention() {
        return Optional.empty();
    }

    /** What it costs to start a kernel on a device, measured now, in words; nothing where ops are calls of methods. */
    default Optional<String> launchOverhead() {
        return Optional.empty();
    }

    /** Brings a weight matrix into the form that this backend multiplies fastest. */
    PreparedMatrix prepare(WeightStorage storage);

    /**
     * C = op(A) · op(B), or C += op(A) · op(B), where op transposes if asked.
     *
     * @param c [m, n]
     */
    void multiply(Matrix a, boolean transposeA, Matrix b, boolean transposeB, Matrix c, boolean accumulate);

    /**
     * The same for whole tensors, which a device may have.
     *
     * @param c [m, n]
     */
    default void multiply(Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c, boolean accumulate) {
        multiply(a.matrix(), transposeA, b.matrix(), transposeB, c.matrix(), accumulate);
    }

    /**
     * Rows of a table, one for each token.
     *
     * @param table [vocabulary, hidden]
     * @return [tokens, hidden]
     */
    default Tensor embed(Tensor table, int[] tokens) {
        int columns = table.columns();
        Tensor y = Tensor.zeros(tokens.length, columns);
        for (int i = 0; i < tokens.length; i++) {
            System.arraycopy(table.array(), tokens[i] * columns, y.array(), i * columns, columns);
        }
        return y;
    }

    /** The gradient of {@link #embed}, rows of the same token added in the tokens' order. */
    default void embedBackward(int[] tokens, Tensor dy, Tensor dTable) {
        int columns = dy.columns();
        float[] sums = dTable.array();
        float[] gradient = dy.array();
        for (int i = 0; i < tokens.length; i++) {
            for (int j = 0; j < columns; j++) {
                sums[tokens[i] * columns + j] += gradient[i * columns + j];
            }
        }
    }

    /** y += x, elementwise. */
    void add(Tensor x, Tensor y);

    /** y += factor · x, elementwise. */
    void addScaled(float factor, Tensor x, Tensor y);

    /** Adds {@code bias} [n] to every row of {@code y} [m, n]. */
    void addBias(Tensor bias, Tensor y);

    /** Adds the sum of the rows of {@code dy} [m, n] to {@code dBias} [n]. */
    void addBiasBackward(Tensor dy, Tensor dBias);

    /** y = x with each column multiplied by its number in {@code factors} [columns]. */
    void scaleColumns(Tensor x, Tensor factors, Tensor y);

    /** The gradients of {@link #scaleColumns}; {@code x} and {@code dFactors} may both be null. */
    void scaleColumnsBackward(Tensor x, Tensor factors, Tensor dy, Tensor dx, Tensor dFactors);

    /** y = x / sqrt(mean(x²) + epsilon) · weight, row by row (Zhang and Sennrich, 2019, Eq. 4). */
    void rmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y);

    /** The gradients of {@link #rmsNorm}; {@code dWeight} may be null. */
    void rmsNormBackward(Tensor x, Tensor weight, float epsilon, Tensor dy, Tensor dx, Tensor dWeight);

    /** y = gate · sigmoid(gate) · up, elementwise (Shazeer, 2020, SwiGLU). */
    void swiGlu(Tensor gate, Tensor up, Tensor y);

    /** The gradients of {@link #swiGlu}. */
    void swiGluBackward(Tensor gate, Tensor up, Tensor dy, Tensor dGate, Tensor dUp);

    /**
     * Turns pairs of numbers of every head by the angle of its row, in place (Su et al., 2021, Eq. 34).
     *
     * @param x [n, heads · headSize]
     * @param cosines [n, headSize / 2] (the cosine of each pair's angle, times any scale)
     * @param sines [n, headSize / 2]
     * @param interleaved whether pair i is (2i, 2i + 1), as in llama2.c, or (i, i + headSize / 2), as in Hugging Face
     * @param inverse whether to turn back, which is also the gradient
     */
    void rotate(Tensor x, int heads, Tensor cosines, Tensor sines, boolean interleaved, boolean inverse);

    /** softmax over each row of a view, in place; a row of −∞ becomes zeros. Returns each row's log Σ exp in {@code logSumExp}. */
    void softmax(Matrix x, float[] logSumExp, int offset);

    /**
     * For every element of a view, in place: x = exp(x − logSumExp[row]); the probabilities again, from the scores and the sum that the forward pass
     * kept. A row whose sum is −∞ becomes zeros.
     */
    void exponential(Matrix x, float[] logSumExp, int offset);

    /**
     * One step of a softmax whose scores come a tile at a time (Milakov and Gimelshein, 2018, Alg. 3), for a tile that stands key by key, so that queries
     * lie side by side: x = exp(x − max), in place, with the greatest score of each column so far; exponentials below 2⁻¹²⁵ may become 0.
     *
     * @param x scores [keys, queries]
     * @param max the greatest score of each query, {@code -Float.MAX_VALUE} before its first tile; updated
     * @param sum Σ exp(score − max) of each query, 0 before its first tile; updated
     * @param correction receives exp(the old maximum − the new one): what everything before this tile must be multiplied by
     */
    void onlineSoftmax(Matrix x, float[] max, float[] sum, float[] correction);

    /**
     * The gradient of a softmax for a tile that stands key by key, in place: x = exp(x − logSumExp), the probabilities again, and dx = x ∘ (dx − delta).
     *
     * @param x scores [keys, queries], replaced by probabilities
     * @param logSumExp of each query; +∞ for one that sees nothing
     * @param dx the gradient of the probabilities [keys, queries], replaced by that of the scores
     * @param delta Σ dO · O of each query (Dao, FlashAttention-2, 2023, Alg. 2, line 4)
     */
    void softmaxBackward(Matrix x, float[] logSumExp, Matrix dx, float[] delta);

    /**
     * Mean negative log-likelihood of {@code targets} and its gradient.
     *
     * @param logits [n, vocabulary], replaced by the gradient of the sum times {@code gradientScale} when that is not 0
     * @param targets n token ids; −1 where nothing is to be predicted
     * @param losses n numbers: −log p(target), 0 where nothing is predicted
     */
    void crossEntropy(Tensor logits, int[] targets, float gradientScale, float[] losses);

    /**
     * One AdamW update of a parameter (Loshchilov and Hutter, 2019, Alg. 2), gradient scaled by {@code gradientScale} first.
     *
     * @param step 1 at the first update
     */
    void adamW(
            Tensor parameter,
            Tensor gradient,
            float gradientScale,
            Tensor firstMoment,
            Tensor secondMoment,
            AdamWStep step);

    /** Σ x², added in double precision. */
    double sumOfSquares(Tensor x);

    /** What an AdamW update needs to know beside the numbers. */
    record AdamWStep(float learningRate, float beta1, float beta2, float epsilon, float weightDecay, long step) {}

    @Override
    void close();
}
