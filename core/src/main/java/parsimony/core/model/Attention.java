package parsimony.core.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.model.ForwardContext.Span;
import parsimony.core.model.KeyValuePrefix.KeyValues;
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
     * @param queries [rows, heads · headSize], which are rotated in place
     * @param text the rows' keys, which are rotated in place, and values
     * @param prefix what precedes every sequence, or null
     * @param block under which the sequences keep their caches
     * @return [rows, heads · headSize]
     */
    Tensor forward(ForwardContext context, int block, Tensor queries, KeyValues text, KeyValues prefix) {
        Backend backend = context.ops().backend();
        Optional<DeviceAttention> device = backend.deviceAttention();
        if (device.isPresent() && prefix == null && suitsDevice(context, block)) {
            return onDevice(device.get(), context, block, queries, text);
        }
        Tensor keys = text.keys();
        Tensor values = text.values();
        Tensor output = queries.zerosLike();
        float[] logSumExp = new float[heads * queries.rows()];
        rotateAndAppend(context, block, queries, text);
        List<Task> tasks = new ArrayList<>();
        for (Span span : context.spans()) {
            KvCache cache = cache(span, block);
            for (int head = 0; head < keyValueHeads; head++) {
                List<KeyValueTile> tiles = cache == null
                        ? List.of(tile(span, head, keys.matrix(), values.matrix(), context))
                        : cache.rotatesWhenRead() ? rotatedTiles(backend, cache, head) : cache.tiles(head);
                tasks.add(new Task(
                        span,
                        head,
                        cache,
                        prefix == null
                                ? tiles
                                : preceded(
                                        prefixTile(
                                                head,
                                                prefix.keys().matrix(),
                                                prefix.values().matrix()),
                                        tiles)));
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
                attend(backend, task, rows, outputHeads.rows(head, group), logSumExp, head, group);
            });
        } else {
            int rowsAtOnce = context.ops().rowsAtOnce();
            backend.parallel(tasks.size() * group, i -> {
                Task task = tasks.get(i / group);
                int head = task.keyValueHead * group + i % group;
                attend(
                        backend,
                        task,
                        head(task, queries.matrix(), head, context),
                        view(task.span, head, output.matrix()),
                        logSumExp,
                        head * output.rows() + task.span.firstRow(),
                        rowsAtOnce);
            });
        }
        for (int i = 0; i < tasks.size(); i += keyValueHeads) {
            Span span = tasks.get(i).span;
            KvCache cache = cache(span, block);
            if (cache != null && cache.observesAttention()) {
                List<Task> ofSpan = tasks.subList(i, i + keyValueHeads);
                List<AttentionKernel.Head> queryHeads = IntStream.range(0, heads)
                        .mapToObj(head -> head(ofSpan.get(head / group), queries.matrix(), head, context)
                                .withTiles(cacheTiles(ofSpan.get(head / group), prefix)))
                        .toList();
                cache.attended(new AttentionMass(
                        backend, queryHeads, keyValueHeads, logSumExp, span.firstRow(), queries.rows()));
            }
        }
        if (Tape.isOpen()) {
            recordBackward(context, queries, text, prefix, output, logSumExp, tasks);
        }
        return output;
    }

    /** Whether a device's kernel computes what ours would: no cache but one that keeps all, no scores that depend on distance, and rows that see what it can be told. */
    private boolean suitsDevice(ForwardContext context, int block) {
        return kernel.isExact()
                && encoding.slope(0, heads) == 0
                && context.spans().stream().allMatch(span -> {
                    KvCache cache = cache(span, block);
                    return switch (span.visibility()) {
                        case Visibility.Causal causal ->
                            causal.isOneByOne(span.rows())
                                    && (cache == null
                                            || cache instanceof ContiguousKvCache contiguous
                                                    && contiguous.precedes(causal.positions()[causal.first()]));
                        case Visibility.Tree _ -> cache instanceof ContiguousKvCache;
                        default -> false;
                    };
                });
    }

    private Tensor onDevice(DeviceAttention device, ForwardContext context, int block, Tensor queries, KeyValues text) {
        Ops.Rotation rotation = context.rowRotation(encoding, context.positions());
        context.ops().rotate(queries, heads, rotation);
        context.ops().rotate(text.keys(), keyValueHeads, rotation);
        Tensor output = context.ops().backend().result(queries.shape());
        DeviceAttention.Heads shape = new DeviceAttention.Heads(heads, keyValueHeads, headSize, scale);
        if (Tape.isOpen()) {
            learnOnDevice(device, context, shape, queries, text, output);
            return output;
        }
        for (Span span : context.spans()) {
            ContiguousKvCache cache = (ContiguousKvCache) cache(span, block);
            int first = span.firstRow();
            int count = span.rows();
            if (cache == null) {
                DeviceAttention.Rows rows = new DeviceAttention.Rows(first, count, first, count, 1, null);
                device.attend(shape, rows, queries, text.keys(), text.values(), output);
                continue;
            }
            cache.append(device, text.keys(), text.values(), context.positions(), first, count);
            Tensor branches = span.visibility() instanceof Visibility.Tree tree
                    ? context.remember(tree, () -> cache.seen(tree, count))
                    : null;
            cache.attend(device, shape, first, count, branches, queries, output);
        }
        return output;
    }

    private static void learnOnDevice(
            DeviceAttention device,
            ForwardContext context,
            DeviceAttention.Heads shape,
            Tensor queries,
            KeyValues text,
            Tensor output) {
        refuseCaches(context);
        Backend backend = context.ops().backend();
        List<DeviceAttention.Texts> texts = texts(context.spans());
        for (DeviceAttention.Texts some : texts) {
            device.attendCausally(shape, some, queries, text.keys(), text.values(), output);
        }
        Ops.onBackward(output, List.of(queries, text.keys(), text.values()), List.of(), dOutput -> {
            Tensor dQueries = queries.gradientSlot().forAdding(backend::zeros);
            Tensor dKeys = text.keys().gradientSlot().forAdding(backend::zeros);
            Tensor dValues = text.values().gradientSlot().forAdding(backend::zeros);
            for (DeviceAttention.Texts some : texts) {
                device.attendCausallyBackward(
                        shape, some, queries, text.keys(), text.values(), dOutput, dQueries, dKeys, dValues);
            }
        });
    }

    /** The spans, neighbours of the same length together. */
    private static List<DeviceAttention.Texts> texts(List<Span> spans) {
        List<DeviceAttention.Texts> texts = new ArrayList<>();
        for (Span span : spans) {
            DeviceAttention.Texts last = texts.isEmpty() ? null : texts.getLast();
            if (last != null && last.length() == span.rows()) {
                texts.set(texts.size() - 1, new DeviceAttention.Texts(last.first(), last.count() + 1, last.length()));
            } else {
                texts.add(new DeviceAttention.Texts(span.firstRow(), 1, span.rows()));
            }
        }
        return texts;
    }

    private static void refuseCaches(ForwardContext context) {
        if (context.spans().stream().anyMatch(span -> span.sequence() != null)) {
            throw new IllegalStateException("gradients do not flow through a cache: train on whole texts");
        }
    }

    private static KvCache cache(Span span, int block) {
        return span.sequence() == null ? null : (KvCache) span.sequence().state(block);
    }

    /** Rotates queries and keys and lets the caches remember the keys, rotated or not, as each of them wants them. */
    private void rotateAndAppend(ForwardContext context, int block, Tensor queries, KeyValues text) {
        int[] places = context.positions();
        for (Span span : context.spans()) {
            KvCache cache = cache(span, block);
            if (cache != null && cache.rotatesWhenRead()) {
                append(cache, span, text, context);
                int[] inCache = cache.placesWhenRead(0);
                places = places == context.positions() ? places.clone() : places;
                System.arraycopy(inCache, inCache.length - span.rows(), places, span.firstRow(), span.rows());
            }
        }
        context.ops().rotate(queries, heads, context.rowRotation(encoding, places));
        context.ops().rotate(text.keys(), keyValueHeads, context.rowRotation(encoding, context.positions()));
        for (Span span : context.spans()) {
            KvCache cache = cache(span, block);
            if (cache != null && !cache.rotatesWhenRead()) {
                append(cache, span, text, context);
            }
        }
    }

    private static void append(KvCache cache, Span span, KeyValues text, ForwardContext context) {
        cache.append(
                text.keys().matrix().rows(span.firstRow(), span.rows()),
                text.values().matrix().rows(span.firstRow(), span.rows()),
                context.positions(),
                span.firstRow());
    }

    /** Copies of a head's tiles whose keys are turned to where they stand in the cache. */
    private List<KeyValueTile> rotatedTiles(Backend backend, KvCache cache, int head) {
        int[] places = cache.placesWhenRead(head);
        List<KeyValueTile> rotated = new ArrayList<>();
        int first = 0;
        for (KeyValueTile tile : cache.tiles(head)) {
            Tensor keys = Tensor.zeros(tile.size(), headSize);
            for (int i = 0; i < tile.size(); i++) {
                int from = tile.keys().offset() + i * tile.keys().stride();
                System.arraycopy(tile.keys().data(), from, keys.array(), i * headSize, headSize);
            }
            Ops.Rotation rotation = encoding.rotation(Arrays.copyOfRange(places, first, first + tile.size()));
            backend.rotate(keys, 1, rotation.cosines(), rotation.sines(), rotation.interleaved(), false);
            rotated.add(new KeyValueTile(
                    keys.matrix(), tile.values(), tile.positions(), tile.firstPosition(), tile.firstRow()));
            first += tile.size();
        }
        return rotated;
    }

    /** What a task reads from its cache, without what precedes the text. */
    private static List<KeyValueTile> cacheTiles(Task task, KeyValues prefix) {
        return prefix == null ? task.tiles : task.tiles.subList(1, task.tiles.size());
    }

    private void recordBackward(
            ForwardContext context,
            Tensor queries,
            KeyValues text,
            KeyValues prefix,
            Tensor output,
            float[] logSumExp,
            List<Task> tasks) {
        refuseCaches(context);
        Backend backend = context.ops().backend();
        List<Tensor> saved = new ArrayList<>(
                List.of(queries, text.keys(), text.values(), output, Tensor.of(logSumExp, logSumExp.length)));
        List<Tensor> parameters = new ArrayList<>();
        if (prefix != null) {
            Stream.of(prefix.keys(), prefix.values()).forEach(t -> (t.isTrainable() ? parameters : saved).add(t));
        }
        Ops.onBackward(output, saved, parameters, dOutput -> {
            Matrix dQueries = queries.gradientForAdding().matrix();
            Matrix dKeys = text.keys().gradientForAdding().matrix();
            Matrix dValues = text.values().gradientForAdding().matrix();
            Matrix dPrefixKeys =
                    prefix == null ? null : prefix.keys().gradientForAdding().matrix();
            Matrix dPrefixValues =
                    prefix == null ? null : prefix.values().gradientForAdding().matrix();
            // The heads of a group add to the same keys and values, and all sequences to the same prefix, so they run
            // one after the other.
            int group = heads / keyValueHeads;
            IntConsumer oneTask = i -> {
                Task task = tasks.get(i);
                Span span = task.span;
                List<KeyValueTile> dTiles = List.of(tile(span, task.keyValueHead, dKeys, dValues, context));
                if (prefix != null) {
                    dTiles = preceded(prefixTile(task.keyValueHead, dPrefixKeys, dPrefixValues), dTiles);
                }
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
            };
            if (prefix == null) {
                backend.parallel(tasks.size(), oneTask);
            } else {
                backend.parallel(keyValueHeads, head -> {
                    for (int i = head; i < tasks.size(); i += keyValueHeads) {
                        oneTask.accept(i);
                    }
                });
            }
        });
    }

    /** A head's entries before the text, at the positions −n … −1. */
    private KeyValueTile prefixTile(int head, Matrix keys, Matrix values) {
        int n = keys.rows();
        return new KeyValueTile(
                keys.columns(head * headSize, headSize),
                values.columns(head * headSize, headSize),
                IntStream.range(-n, 0).toArray(),
                0,
                -n);
    }

    private static List<KeyValueTile> preceded(KeyValueTile first, List<KeyValueTile> tiles) {
        List<KeyValueTile> all = new ArrayList<>(List.of(first));
        all.addAll(tiles);
        return all;
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
            Backend backend,
            Task task,
            AttentionKernel.Head head,
            Matrix output,
            float[] logSumExp,
            int offset,
            int rowsAtOnce) {
        if (task.cache != null && kernel instanceof RecurrentKernel recurrent) {
            recurrent.forward(backend, head, task.cache, task.keyValueHead, output);
            return;
        }
        int step = Math.min(rowsAtOnce, output.rows());
        for (int row = 0; row < output.rows(); row += step) {
            int rows = Math.min(step, output.rows() - row);
            AttentionKernel.Head part = rows == output.rows() ? head : head.rows(row, rows);
            kernel.forward(backend, part, output.rows(row, rows), logSumExp, offset + row);
            if (task.cache != null) {
                attendToDecoded(backend, task, part, output.rows(row, rows), logSumExp, offset + row);
            }
        }
    }

    /** Adds what the entries give that are decoded as they are read. */
    private void attendToDecoded(
            Backend backend, Task task, AttentionKernel.Head head, Matrix output, float[] logSumExp, int offset) {
        Iterator<KeyValueTile> tiles =
                task.cache.decodedTiles(task.keyValueHead).iterator();
        if (!tiles.hasNext()) {
            return;
        }
        Matrix part = Matrix.of(new float[output.rows() * headSize], output.rows(), headSize);
        float[] partSums = new float[output.rows()];
        while (tiles.hasNext()) {
            kernel.forward(backend, head.withTiles(List.of(tiles.next())), part, partSums, 0);
            for (int row = 0; row < output.rows(); row++) {
                combine(output, logSumExp, offset, part, partSums, row);
            }
        }
    }

    /** softmax over two sets of keys is the mean of those over each, weighted by their sums: o = (exp(l) o + exp(l') o') / (exp(l) + exp(l')). */
    private static void combine(Matrix output, float[] logSumExp, int offset, Matrix part, float[] partSums, int row) {
        float before = logSumExp[offset + row];
        float added = partSums[row];
        float largest = Math.max(before, added);
        if (largest == Float.NEGATIVE_INFINITY) {
            return;
        }
        float sum = largest + (float) Math.log(Math.exp(before - largest) + Math.exp(added - largest));
        float weight = (float) Math.exp(before - sum);
        float partWeight = (float) Math.exp(added - sum);
        int to = output.offset() + row * output.stride();
        for (int i = 0; i < part.columns(); i++) {
            output.data()[to + i] = weight * output.data()[to + i] + partWeight * part.get(row, i);
        }
        logSumExp[offset + row] = sum;
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
