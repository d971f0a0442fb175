package parsimony.attention;

import java.util.Arrays;
import java.util.List;
import parsimony.core.backend.Backend;
import parsimony.core.model.AttentionDesign;
import parsimony.core.model.AttentionKernel.Head;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.tensor.Matrix;

/**
 * Flash-Decoding: where one token is generated there is one query, and no block of queries to run in parallel. The keys are cut into pieces instead; each
 * gives an output O_p of its own and L_p = log Σ exp of its scores, and the pieces are put together exactly by
 *
 * <pre>  L = log Σ exp(L_p)   O = Σ exp(L_p − L) · O_p</pre>
 *
 * The query heads that share a key/value head are queries of the same call, so that keys and values are read once. Up to eight queries go this way, in
 * {@code flash} too, which differs in nothing but the length of a piece; longer inputs are {@code flash}'s. On a processor of few cores the heads alone keep
 * all threads busy, and splitting shows where a model has fewer heads than the machine has cores.
 *
 * <p>Try: {@code flash-decoding:split=256} while generating after a prompt of some thousand tokens.
 */
@Paper(survey = 253)
public final class FlashDecoding extends AttentionTechnique<FlashDecoding.Options> {
    /** Keys of a piece, unless told otherwise: with their values a part of the second-level cache. */
    static final int SPLIT = 1024;

    /** @param split keys of a piece */
    public record Options(int split) {
        public Options {
            positive(split, "split");
        }
    }

    @Override
    public String name() {
        return "flash-decoding";
    }

    @Override
    public String idea() {
        return "Where a single token is read, its keys are cut into pieces that are read in parallel and put "
                + "together exactly. So there is work for all cores of a machine though there is only one "
                + "query.";
    }

    @Override
    public Options defaults() {
        return new Options(256);
    }

    @Override
    public List<String> showcase() {
        return List.of("flash-decoding");
    }

    @Override
    AttentionDesign design(
            AttentionDesign before, TransformerConfig shape, Options options, int block, TechniqueContext context) {
        return before.withKernel(new FlashAttention(FlashAttention.QUERIES, FlashAttention.KEYS, options.split));
    }

    /** As {@link parsimony.core.model.AttentionKernel#forward}, for a few queries. */
    static void forward(Backend backend, Head head, Matrix output, float[] logSumExp, int offset, int split) {
        int rows = head.queries().rows();
        List<List<KeyRange>> pieces = KeyRange.blocks(head, 0, rows, split);
        if (pieces.size() == 1) {
            attend(backend, head, pieces.getFirst(), output, logSumExp, offset);
            return;
        }
        int columns = output.columns();
        Matrix outputs = Matrix.of(new float[pieces.size() * rows * columns], pieces.size() * rows, columns);
        float[] sums = new float[pieces.size() * rows];
        backend.parallel(
                pieces.size(),
                piece ->
                        attend(backend, head, pieces.get(piece), outputs.rows(piece * rows, rows), sums, piece * rows));
        for (int row = 0; row < rows; row++) {
            combine(outputs, sums, row, rows, output, logSumExp, offset);
        }
    }

    /** Exact attention to some of the keys. */
    private static void attend(
            Backend backend, Head head, List<KeyRange> ranges, Matrix output, float[] logSumExp, int offset) {
        int rows = output.rows();
        int keys = ranges.getLast().row() + ranges.getLast().size();
        Matrix scores = Matrix.of(new float[rows * keys], rows, keys);
        for (KeyRange range : ranges) {
            backend.multiply(
                    head.queries(), false, range.keys(), true, scores.columns(range.row(), range.size()), false);
        }
        float scale = head.scoring().scale();
        for (int i = 0; i < rows * keys; i++) {
            scores.data()[i] *= scale;
        }
        for (KeyRange range : ranges) {
            range.score(head, 0, rows, scores.data(), range.row(), keys, 1);
        }
        backend.softmax(scores, logSumExp, offset);
        boolean accumulate = false;
        for (KeyRange range : ranges) {
            Matrix probabilities = scores.columns(range.row(), range.size());
            backend.multiply(probabilities, false, range.values(), false, output, accumulate);
            accumulate = true;
        }
    }

    /** Puts the pieces of one query together. */
    private static void combine(
            Matrix outputs, float[] sums, int row, int rows, Matrix output, float[] logSumExp, int offset) {
        float max = Float.NEGATIVE_INFINITY;
        for (int at = row; at < sums.length; at += rows) {
            max = Math.max(max, sums[at]);
        }
        double sum = 0;
        for (int at = row; at < sums.length && max != Float.NEGATIVE_INFINITY; at += rows) {
            sum += Math.exp((double) sums[at] - max);
        }
        int to = output.offset() + row * output.stride();
        Arrays.fill(output.data(), to, to + output.columns(), 0);
        logSumExp[offset + row] = sum == 0 ? Float.NEGATIVE_INFINITY : (float) (max + Math.log(sum));
        for (int at = row; at < sums.length && sum != 0; at += rows) {
            float weight = (float) (Math.exp((double) sums[at] - max) / sum);
            for (int i = 0; i < output.columns(); i++) {
                output.data()[to + i] += weight * outputs.get(at, i);
            }
        }
    }
}
