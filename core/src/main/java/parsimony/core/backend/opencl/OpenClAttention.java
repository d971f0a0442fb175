package parsimony.core.backend.opencl;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import parsimony.core.backend.DeviceAttention;
import parsimony.core.backend.opencl.DeviceProducts.Batch;
import parsimony.core.backend.opencl.DeviceProducts.Operand;
import parsimony.core.backend.opencl.DeviceQueue.LocalFloats;
import parsimony.core.backend.opencl.Kernels.Kernel;
import parsimony.core.tensor.Tensor;

/**
 * Attention by attention.cl, or by attention_plain.cl where the device's limits do not allow that. Texts that are learned from are attended to by products of whole
 * matrices, all heads of as many texts at once as a bound on the memory for scores allows: a card has the memory, and products are what it is fastest at.
 */
final class OpenClAttention implements DeviceAttention {
    /** Scores, or gradients of scores, that are held at once. */
    private static final long MOST_SCORES = 1 << 26;

    private final OpenClBackend backend;

    OpenClAttention(OpenClBackend backend) {
        this.backend = backend;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof OpenClAttention attention && attention.backend == backend;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(backend);
    }

    @Override
    public Tensor allocate(int rows, int columns) {
        return backend.tensors().lasting(rows, columns);
    }

    @Override
    public void release(Tensor allocated) {
        backend.tensors().release(allocated);
    }

    @Override
    public void copyRows(Tensor from, int row, int count, Tensor to, int toRow) {
        long columns = from.columns();
        backend.onDevice(() -> backend.queue()
                .copy(
                        backend.tensors().input(from),
                        row * columns,
                        backend.tensors().update(to),
                        toRow * columns,
                        count * columns));
    }

    @Override
    public void readRows(Tensor allocated, int row, int count, float[] target) {
        long columns = allocated.columns();
        backend.onDevice(() -> backend.queue()
                .read(backend.tensors().input(allocated), row * columns, target, 0, (int) (count * columns)));
    }

    @Override
    public void attend(Heads heads, Rows rows, Tensor queries, Tensor keys, Tensor values, Tensor output) {
        backend.onDevice(() -> {
            Kernels.Attention attention =
                    backend.kernels().attention(heads.headSize(), rows.count()).orElseThrow();
            Tensor branches = rows.branches();
            List<Object> arguments = new ArrayList<>(List.of(
                    backend.tensors().input(queries),
                    rows.first(),
                    rows.count(),
                    heads.heads(),
                    heads.keyValueHeads(),
                    heads.headSize(),
                    heads.scale(),
                    backend.tensors().input(keys),
                    backend.tensors().input(values),
                    rows.firstKey(),
                    rows.keys(),
                    rows.seenByFirst(),
                    branches == null ? rows.keys() : rows.keys() - branches.columns()));
            arguments.add(branches == null ? null : backend.tensors().input(branches));
            arguments.add(backend.tensors().update(output));
            int lanes = attention.lanes();
            int slots = attention.slots();
            if (lanes > 0) {
                int size = heads.headSize();
                for (int floats :
                        new int[] {lanes * (size + 1), lanes * size, slots * size, slots * size, slots * lanes}) {
                    arguments.add(new LocalFloats(floats));
                }
            }
            backend.queue()
                    .launch(
                            attention.kernel().handle(),
                            new long[] {Math.max(1, lanes), OpenClBackend.roundUp(rows.count(), slots), heads.heads()},
                            new long[] {Math.max(1, lanes), slots, 1},
                            arguments.toArray());
        });
    }

    @Override
    public void attendCausally(Heads heads, Texts texts, Tensor queries, Tensor keys, Tensor values, Tensor output) {
        DeviceTensors tensors = backend.tensors();
        inParts(heads, texts, part -> {
            Operand q = part.queryHeads(tensors.input(queries));
            Operand k = part.keyHeads(tensors.input(keys));
            Operand v = part.keyHeads(tensors.input(values));
            Operand o = part.queryHeads(tensors.update(output));
            Operand p = part.probabilities(q, k);
            part.multiplyScores(p, v, o, false);
        });
    }

    /** With P = softmax(S) and O = P · V: dV = Pᵀ · dO, dP = dO · Vᵀ, dS from these, dQ = dS · K and dK = dSᵀ · Q. S and P are computed again. */
    @Override
    public void attendCausallyBackward(
            Heads heads,
            Texts texts,
            Tensor queries,
            Tensor keys,
            Tensor values,
            Tensor dOutput,
            Tensor dQueries,
            Tensor dKeys,
            Tensor dValues) {
        DeviceTensors tensors = backend.tensors();
        inParts(heads, texts, part -> {
            Operand q = part.queryHeads(tensors.input(queries));
            Operand k = part.keyHeads(tensors.input(keys));
            Operand v = part.keyHeads(tensors.input(values));
            Operand dO = part.queryHeads(tensors.input(dOutput));
            Operand p = part.probabilities(q, k);
            part.addTransposed(p, dO, part.keyHeads(tensors.update(dValues)));
            Operand d = part.scores();
            part.multiplyHeads(dO, v, d);
            part.softmaxBackward(p, d);
            part.multiplyScores(d, k, part.queryHeads(tensors.update(dQueries)), true);
            part.addTransposed(d, q, part.keyHeads(tensors.update(dKeys)));
        });
    }

    private void inParts(Heads heads, Texts texts, Consumer<Part> work) {
        long scoresOfText = (long) heads.heads() * texts.length() * texts.length();
        int atOnce = (int) Math.clamp(MOST_SCORES / scoresOfText, 1, texts.count());
        backend.onDevice(() -> {
            for (int text = 0; text < texts.count(); text += atOnce) {
                int first = texts.first() + text * texts.length();
                int count = Math.min(atOnce, texts.count() - text);
                work.accept(new Part(heads, new Texts(first, count, texts.length())));
            }
        });
    }

    /** Texts that are attended to at once. Heads of a group of queries use the same keys, so they take turns. */
    private final class Part {
        private final Heads heads;
        private final Texts texts;
        private final int group;
        private final int length;
        private final Batch batch;

        Part(Heads heads, Texts texts) {
            this.heads = heads;
            this.texts = texts;
            group = heads.heads() / heads.keyValueHeads();
            length = texts.length();
            batch = new Batch(texts.count(), heads.keyValueHeads());
        }

        /** The first query head of each group, [length, headSize]. */
        Operand queryHeads(Buffer buffer) {
            return heads(buffer, heads.heads(), group * heads.headSize());
        }

        /** Each key/value head, [length, headSize]. */
        Operand keyHeads(Buffer buffer) {
            return heads(buffer, heads.keyValueHeads(), heads.headSize());
        }

        private Operand heads(Buffer buffer, int count, int apart) {
            int width = count * heads.headSize();
            return new Operand(buffer, texts.first() * width, width, 1, length * width, apart);
        }

        /** Room for the scores of the first query head of each group, [length, length]. */
        Operand scores() {
            int size = length * length;
            Buffer buffer = backend.tensors().borrow((long) texts.count() * heads.heads() * size);
            return new Operand(buffer, 0, length, 1, heads.heads() * size, group * size);
        }

        /** The operand of another query head of each group, if it has one for each. */
        private Operand ofHead(Operand first, int head, int apart) {
            return new Operand(
                    first.buffer(),
                    first.offset() + head * apart,
                    first.row(),
                    first.column(),
                    first.outer(),
                    first.inner());
        }

        private Operand scoresOf(Operand scores, int head) {
            return ofHead(scores, head, length * length);
        }

        private Operand queriesOf(Operand queries, int head) {
            return ofHead(queries, head, heads.headSize());
        }

        /** The scores X · Yᵀ of rows like queries and rows like keys. */
        void multiplyHeads(Operand x, Operand y, Operand scores) {
            for (int head = 0; head < group; head++) {
                backend.products()
                        .multiply(
                                length,
                                length,
                                heads.headSize(),
                                queriesOf(x, head),
                                y.transposed(),
                                scoresOf(scores, head),
                                batch,
                                false);
            }
        }

        /** S · X for X like keys, which gives or adds to rows like queries. */
        void multiplyScores(Operand scores, Operand x, Operand y, boolean accumulate) {
            for (int head = 0; head < group; head++) {
                backend.products()
                        .multiply(
                                length,
                                heads.headSize(),
                                length,
                                scoresOf(scores, head),
                                x,
                                queriesOf(y, head),
                                batch,
                                accumulate);
            }
        }

        /** Adds Sᵀ · X for X like queries to rows like keys. */
        void addTransposed(Operand scores, Operand x, Operand y) {
            for (int head = 0; head < group; head++) {
                backend.products()
                        .multiply(
                                length,
                                heads.headSize(),
                                length,
                                scoresOf(scores, head).transposed(),
                                queriesOf(x, head),
                                y,
                                batch,
                                true);
            }
        }

        Operand probabilities(Operand queries, Operand keys) {
            Operand scores = scores();
            multiplyHeads(queries, keys, scores);
            Kernel kernel = backend.kernels().find("softmax", "softmax_causal").orElseThrow();
            launchRows(kernel, scores.buffer());
            return scores;
        }

        void softmaxBackward(Operand probabilities, Operand d) {
            Kernel kernel =
                    backend.kernels().find("softmax", "softmax_causal_backward").orElseThrow();
            launchRows(kernel, probabilities.buffer(), d.buffer());
        }

        private void launchRows(Kernel kernel, Buffer... scores) {
            List<Object> arguments = new ArrayList<>(List.of(length, heads.scale()));
            arguments.addAll(List.of(scores));
            arguments.add(new LocalFloats(kernel.lanes()));
            long rows = (long) texts.count() * heads.heads() * length;
            backend.queue()
                    .launch(
                            kernel.handle(),
                            new long[] {kernel.lanes(), rows},
                            new long[] {kernel.lanes(), 1},
                            arguments.toArray());
        }
    }
}
