package parsimony.core.io;

import java.util.SplittableRandom;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Small models with weights so large that every row, bias and position shows in the logits. */
final class TinyModels {
    static final int[] TOKENS = {1, 17, 40, 3, 3, 60, 22, 9, 31, 5, 58, 12};

    private TinyModels() {}

    static TransformerConfig config(boolean interleaved, boolean tied, boolean bias, Llama3Scaling scaling) {
        return new TransformerConfig(
                64, 64, 96, 2, 4, 2, 16, 128, 1e-5f, new RopeConfig(10_000, interleaved, scaling), tied, bias, 1, 2);
    }

    static Llama3Scaling scaling() {
        return new Llama3Scaling(8, 1, 4, 64);
    }

    static Transformer random(TransformerConfig config, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return Transformer.of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                return new TensorStorage(filled(Tensor.zeros(rows, columns), 0));
            }

            @Override
            public Tensor vector(String name, int size) {
                return filled(Tensor.zeros(size), name.endsWith("norm.weight") ? 1 : 0);
            }

            private Tensor filled(Tensor tensor, double mean) {
                for (int i = 0; i < tensor.size(); i++) {
                    tensor.array()[i] = (float) (mean + 0.25 * random.nextGaussian());
                }
                return tensor;
            }
        });
    }

    /** [tokens, vocabulary] */
    static float[] logits(Transformer transformer, int... tokens) {
        Ops ops = new Ops(new ScalarBackend());
        return transformer
                .forward(ForwardContext.batch(ops, tokens, tokens.length))
                .array();
    }

    static float[] logits(Transformer transformer) {
        return logits(transformer, TOKENS);
    }

    static float largestDifference(float[] a, float[] b) {
        float largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }
}
