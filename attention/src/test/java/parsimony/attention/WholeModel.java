package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueSpec;

/** A small transformer that reads texts in several ways. */
final class WholeModel {
    static final TransformerConfig CONFIG = new TransformerConfig(
            30, 32, 48, 2, 4, 2, 8, 64, 1e-5f, new TransformerConfig.RopeConfig(100, false, null), true, false, 1, 2);

    private final Ops ops;

    WholeModel(Backend backend) {
        ops = new Ops(backend);
    }

    static Transformer random(TransformerConfig config) {
        Transformer model = Transformer.random(config, 5);
        SplittableRandom random = new SplittableRandom(6);
        model.trainableParameters().forEach((name, tensor) -> {
            double deviation = tensor.rank() == 2 ? 1 / Math.sqrt(tensor.dimension(1)) : 0.1;
            for (int i = 0; i < tensor.size(); i++) {
                tensor.array()[i] =
                        (float) (random.nextGaussian(0, deviation) + (name.endsWith("norm.weight") ? 1 : 0));
            }
        });
        return model;
    }

    static Transformer with(Transformer model, String technique) {
        Transformer result = TechniqueSpec.parse(technique).apply(model, TechniqueContext.of(new ScalarBackend()));
        return result;
    }

    static int[] text(int length) {
        return new SplittableRandom(9).ints(length, 0, 30).toArray();
    }

    /** Logits of every row, the text read at once. */
    float[] atOnce(Transformer model, int[] text) {
        return model.forward(ForwardContext.batch(ops, text, text.length)).array();
    }

    /** Logits of every row: a prompt, then several tokens at a time, then one at a time. */
    float[] pieceByPiece(Transformer model, int[] text, int... pieces) {
        Sequence sequence = model.newSequence();
        float[] logits = new float[text.length * model.config().vocabularySize()];
        int done = 0;
        for (int i = 0; done < text.length; i++) {
            int count = Math.min(i < pieces.length ? pieces[i] : 1, text.length - done);
            int[] piece = Arrays.copyOfRange(text, done, done + count);
            float[] some =
                    model.forward(ForwardContext.next(ops, sequence, piece)).array();
            sequence.commit(count);
            System.arraycopy(some, 0, logits, done * model.config().vocabularySize(), some.length);
            done += count;
        }
        return logits;
    }

    /** The gradients of all parameters for two texts of a batch. */
    Map<String, float[]> gradients(Transformer model, int[] text) {
        Transformer trained = model.trainable();
        int[] targets = new int[text.length];
        System.arraycopy(text, 1, targets, 0, text.length - 1);
        Tape tape = new Tape();
        tape.record(
                () -> ops.crossEntropy(trained.forward(ForwardContext.batch(ops, text, text.length / 2)), targets, 1));
        tape.backward();
        Map<String, float[]> gradients = new TreeMap<>();
        trained.trainableParameters()
                .forEach((name, tensor) -> gradients.put(name, tensor.gradient().array()));
        return gradients;
    }

    /** The loss of the batch that {@link #gradients} differentiates. */
    double loss(Transformer model, int[] text) {
        int[] targets = new int[text.length];
        System.arraycopy(text, 1, targets, 0, text.length - 1);
        return ops.crossEntropy(model.forward(ForwardContext.batch(ops, text, text.length / 2)), targets, 1);
    }

    /** Checks that two models compute the same, read and trained. */
    void assertSame(Transformer actual, Transformer expected, int length) {
        int[] text = text(length);
        float[] logits = atOnce(expected, text);
        assertThat(atOnce(actual, text)).containsExactly(logits, within(2e-4f));
        assertThat(pieceByPiece(actual, text, length / 2, 3)).containsExactly(logits, within(2e-4f));
        Map<String, float[]> gradients = gradients(actual, text);
        gradients(expected, text)
                .forEach((name, gradient) ->
                        assertThat(gradients.get(name)).as(name).containsExactly(gradient, within(2e-4f)));
    }
}
