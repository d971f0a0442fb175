package parsimony.core.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;

/** A model's forward passes on the device: what travels, what is held, and that the logits are the vector backend's. */
class DeviceModelTest {
    private static final TransformerConfig CONFIG = new TransformerConfig(
            50, 32, 48, 3, 4, 2, 10, 512, 1e-5f, new RopeConfig(100, false, null), true, true, 1, 2);

    private final Transformer model = model();

    /** A random model whose matrices are prepared, as those of a file are, and not in training. */
    private static Transformer model() {
        Transformer model = Transformer.random(CONFIG, 3);
        SplittableRandom random = new SplittableRandom(3);
        model.trainableParameters().forEach((name, tensor) -> {
            for (int i = 0; i < tensor.size(); i++) {
                tensor.array()[i] = (float) (0.3 * random.nextGaussian() + (name.endsWith("norm.weight") ? 1 : 0));
            }
        });
        Transformer frozen = model.frozen();
        frozen.linears().forEach(linear -> linear.setWeight(DenseStorage.of(DataType.F16, linear.weight())));
        frozen.output().setWeight(DenseStorage.of(DataType.F32, frozen.output().weight()));
        return frozen;
    }

    private static int[] tokens(int count) {
        return new SplittableRandom(count).ints(count, 0, 50).toArray();
    }

    @Test
    void only_logits_come_back_from_a_decode_step() {
        try (OpenClBackend backend = OpenClDevice.open();
                Sequence sequence = model.newSequence()) {
            Ops ops = new Ops(backend);
            sequence.reserve(100);
            model.read(ops, sequence, tokens(20));
            model.read(ops, sequence, 7);
            long down = backend.queue().bytesDown();
            long up = backend.queue().bytesUp();
            long launches = backend.queue().launches();

            model.read(ops, sequence, 8);

            assertThat(backend.queue().bytesDown() - down).isEqualTo(4L * CONFIG.vocabularySize());
            // The token's embedding, and the angles of its position.
            assertThat(backend.queue().bytesUp() - up).isEqualTo(4L * (CONFIG.hiddenSize() + CONFIG.headSize()));
            assertThat(backend.queue().launches() - launches).isGreaterThan(10L * CONFIG.layers());
        }
    }

    @Test
    void a_long_generation_takes_no_more_memory_than_a_short_one() {
        try (OpenClBackend backend = OpenClDevice.open()) {
            Ops ops = new Ops(backend);
            long held = 0;
            for (int round = 0; round < 2; round++) {
                try (Sequence sequence = model.newSequence()) {
                    sequence.reserve(400);
                    model.read(ops, sequence, tokens(30));
                    for (int i = 0; i < 40; i++) {
                        model.read(ops, sequence, i);
                    }
                    long used = backend.memory().used();
                    long peak = backend.memory().peak();
                    for (int i = 0; i < 300; i++) {
                        model.read(ops, sequence, i % 50);
                    }
                    assertThat(backend.memory().used()).isEqualTo(used);
                    assertThat(backend.memory().peak()).isEqualTo(peak);
                }
                if (round == 1) {
                    assertThat(backend.memory().used()).as("the second text").isEqualTo(held);
                }
                held = backend.memory().used();
            }
        }
    }

    @Test
    void logits_are_those_of_the_vector_backend() {
        checkLogits(limits -> limits, "");
    }

    @Test
    void attention_without_local_memory_gives_the_same() {
        checkLogits(
                limits -> new Limits(limits.workGroupSize(), 500, limits.globalBytes(), limits.allocationBytes()),
                "attention over heads of 10 does without tiles of 8 keys");
        checkLogits(
                limits -> new Limits(4, limits.localBytes(), limits.globalBytes(), limits.allocationBytes()),
                "attention over heads of 10 does without tiles of 8 keys");
    }

    /** A text in one pass without a cache, in pieces with one, and with a token tree of which a path is kept. */
    private void checkLogits(UnaryOperator<Limits> limits, String reason) {
        int[] text = tokens(70);
        try (OpenClBackend backend = OpenClDevice.open(2, limits, false);
                Backend vector = new VectorBackend(2)) {
            Ops on = new Ops(backend);
            Ops reference = new Ops(vector);
            assertClose(
                    model.forward(ForwardContext.batch(on, text, 35)),
                    model.forward(ForwardContext.batch(reference, text, 35)));
            try (Sequence sequence = model.newSequence();
                    Sequence expected = model.newSequence()) {
                for (int first = 0, count = 33; first < text.length; first += count, count = count == 33 ? 36 : 1) {
                    int[] piece = Arrays.copyOfRange(text, first, Math.min(text.length, first + count));
                    assertClose(model.read(on, sequence, piece), model.read(reference, expected, piece));
                }
                int[] tree = {3, 4, 6, 7, 8};
                int[] parents = {-1, -1, 0, 0, 1};
                assertClose(
                        model.forward(ForwardContext.tree(on.rowByRow(), sequence, tree, parents, 0)),
                        model.forward(ForwardContext.tree(reference, expected, tree, parents, 0)));
                int[] parentsOfAll = {-1, -1, 0, 0, 1, 4, 5};
                int[] more = {9, 10};
                assertClose(
                        model.forward(ForwardContext.tree(on, sequence, more, parentsOfAll, 5)),
                        model.forward(ForwardContext.tree(reference, expected, more, parentsOfAll, 5)));
                sequence.commit(new int[] {1, 4, 5});
                expected.commit(new int[] {1, 4, 5});
                assertClose(model.read(on, sequence, 5), model.read(reference, expected, 5));
                try (Sequence fork = sequence.fork()) {
                    assertClose(model.read(on, fork, 11, 12), model.read(reference, expected, 11, 12));
                }
                model.forward(ForwardContext.next(on, sequence, 49));
                sequence.rollback();
                // The host goes on where the device was, and the device where the host was.
                assertClose(model.read(reference, sequence, 11, 12, 13), model.read(reference, expected, 13));
                assertClose(model.read(on, sequence, 14), model.read(reference, expected, 14));
                assertThat(sequence.bytes()).isGreaterThan(expected.bytes());
            }
            assertThat(String.join("; ", backend.kernels().reasons())).contains(reason);
        }
    }

    private static void assertClose(Tensor actual, Tensor expected) {
        float largest = 0;
        for (float number : expected.array()) {
            largest = Math.max(largest, Math.abs(number));
        }
        for (int i = 0; i < expected.size(); i++) {
            assertThat(Math.abs(actual.array()[i] - expected.array()[i]))
                    .as("at %d of %s: %s for %s", i, expected, actual.array()[i], expected.array()[i])
                    .isLessThanOrEqualTo(2e-5f * largest);
        }
    }
}
