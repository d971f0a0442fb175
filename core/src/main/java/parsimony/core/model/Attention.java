package parsimony.core.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;

/**
 * Runs an {@link AttentionKernel} over all sequences and heads of a forward pass. Query head h reads key/value head h / (heads / keyValueHeads)
 * (grouped-query attention, Ainslie et al., 2023).
 */
final class Attention {
    private final AttentionKernel kernel;
    private final PositionEncoding encoding;
    private final int heads;
    private final int keyValueHeads;
    private final int headSize;
    private final float scale;

    Attention(AttentionDesign design, TransformerConfig config) {
        this.kernel = design.kernel();
        this.encoding = design.positions();
        this.heads = config.heads();
        this.keyValueHeads = config.keyValueHeads();
        this.headSize = config.headSize();
        this.scale = (float) (1 / Math.sqrt(headSize));
    }

    /**
     * @param queries [rows, heads · headSize], rotated
     * @param keys [rows, keyValueHeads · headSize], rotated
     * @param values [rows, keyValueHeads · headSize]
     * @param block under which the sequences keep their caches
     * @return [rows, heads · headSize]
     */
    Tensor forward(ForwardContext context, int block, Tensor queries, Tensor keys, Tensor values) {
        Backend backend = context.ops().backend();
        Tensor output = queries.zerosLike();
        float[] logSumExp = new float[heads * queries.rows()];
        List<Task> tasks = new ArrayList<>();
        for (Span span : context.spans()) {
            KvCache cache = null;
            if (span.sequence() != null) {
                cache = (KvCache) span.sequence().state(block);
                cache.append(
                        keys.matrix().rows(span.firstRow(), span.rows()),
                        values.matrix().rows(span.firstRow(), span.rows()),
                        context.positions(),
                        span.firstRow());
            }
            for (int head = 0; head < keyValueHeads; head++) {
                List<KeyValueTile> tiles = cache == null
                        ? List.of(tile(span, head, keys.matrix(), values.matrix(), context))
                        : cache.tiles(head);
                tasks.add(new Task(span, head, cache, tiles));
            }
        }
        int group = heads / keyValueHeads;
        if (queries.rows() == 1 && tasks.size() >= backend.threads() && encoding.slope(0, heads) == 0) {
            // The heads of a group are rows of one matrix, so that their keys and values are read once.
            Matrix queryHeads = Matrix.of(queries.array(), heads, headSize);
            Matrix outputHeads = Matrix.of(output.array(), heads, headSize);
            backend.parallel(tasks.size(), i -> {
                Task task = tasks.get(i);
                int head = task.keyValueHead * group;
                int[] position = new int[group];
                Arrays.fill(position, context.positions()[0]);
                AttentionKernel.Head rows = new AttentionKernel.Head(
                        queryHeads.rows(head, group),
                        position,
                        0,
                        task.tiles,
                        new OfFirstRow(task.span.visibility()),
                        scoring(head));
                attend(backend, task, rows, outputHeads.rows(head, group), logSumExp, head);
            });
        } else {
            backend.parallel(tasks.size() * group, i -> {
                Task task = tasks.get(i / group);
                int head = task.keyValueHead * group + i % group;
                attend(
                        backend,
                        task,
                        head(task, queries.matrix(), head, context),
                        view(task.span, head, output.matrix()),
                        logSumExp,
                        head * output.rows() + task.span.firstRow());
            });
        }
        if (Tape.isOpen()) {
            recordBackward(context, queries, keys, values, output, logSumExp, tasks);
        }
        return output;
    }

    private void recordBackward(
            ForwardContext context,
            Tensor queries,
            Tensor keys,
            Tensor values,
            Tensor output,
            float[] logSumExp,
            List<Task> tasks) {
        if (context.spans().stream().anyMatch(span -> span.sequence() != null)) {
            throw new IllegalStateException("gradients do not flow through a cache: train on whole texts");
        }
        Backend backend = context.ops().backend();
        long saved = 4L * (queries.size() + keys.size() + values.size() + output.size() + logSumExp.length);
        Ops.onBackward(output, saved, dOutput -> {
            Matrix dQueries = queries.gradientForAdding().matrix();
            Matrix dKeys = keys.gradientForAdding().matrix();
            Matrix dValues = values.gradientForAdding().matrix();
            // The heads of a group add to the same keys and values, so they run one after the other.
            backend.parallel(tasks.size(), i -> {
                Task task = tasks.get(i);
                Span span = task.span;
                List<KeyValueTile> dTiles = List.of(tile(span, task.keyValueHead, dKeys, dValues, context));
                int group = heads / keyValueHeads;
                for (int head = task.keyValueHead * group; head < (task.keyValueHead + 1) * group; head++) {
                    kernel.backward(
                            backend,
                            head(task, queries.matrix(), head, context),
                            view(span, head, output.matrix()),
                            logSumExp,
                            head * output.rows() + span.firstRow(),
                            view(span, head, dOutput.matrix()),
                            view(span, head, dQueries),
                            dTiles);
                }
            });
        });
    }

    private KeyValueTile tile(Span span, int head, Matrix keys, Matrix values, ForwardContext context) {
        return new KeyValueTile(view(span, head, keys), view(span, head, values), context.positions(), span.firstRow());
    }

    private Matrix view(Span span, int head, Matrix all) {
        return all.rows(span.firstRow(), span.rows()).columns(head * headSize, headSize);
    }

    private AttentionKernel.Head head(Task task, Matrix queries, int head, ForwardContext context) {
        return new AttentionKernel.Head(
                view(task.span, head, queries),
                context.positions(),
                task.span.firstRow(),
                task.tiles,
                task.span.visibility(),
                scoring(head));
    }

    private AttentionKernel.Scoring scoring(int head) {
        return new AttentionKernel.Scoring(scale, 0, encoding.slope(head, heads));
    }

    private void attend(
            Backend backend, Task task, AttentionKernel.Head head, Matrix output, float[] logSumExp, int offset) {
        if (task.cache != null && kernel instanceof RecurrentKernel recurrent) {
            recurrent.forward(backend, head, task.cache, task.keyValueHead, output);
        } else {
            kernel.forward(backend, head, output, logSumExp, offset);
        }
    }

    /** What the heads of a group see that all stand in a sequence's only row. */
    private record OfFirstRow(Visibility row) implements Visibility {
        @Override
        public boolean visible(int query, KeyValueTile tile, int key) {
            return row.visible(0, tile, key);
        }

        @Override
        public Coverage coverage(int firstQuery, int queries, KeyValueTile tile, int firstKey, int keys) {
            return row.coverage(0, 1, tile, firstKey, keys);
        }
    }

    /** One key/value head of one sequence, with what its queries look at. */
    private record Task(Span span, int keyValueHead, KvCache cache, List<KeyValueTile> tiles) {}
}
