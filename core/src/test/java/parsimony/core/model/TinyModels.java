package parsimony.core.model;

import java.util.SplittableRandom;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.Tensor;

/** Random models small enough to be checked number by number, with weights large enough that every part matters. */
public final class TinyModels {
    private TinyModels() {}

    /** Two layers, grouped queries, a query width that differs from the hidden size. */
    public static TransformerConfig config(boolean tied, boolean bias, boolean interleaved) {
        return new TransformerConfig(
                13, 8, 12, 2, 6, 2, 4, 64, 1e-5f, new RopeConfig(100, interleaved, null), tied, bias, 1, 2);
    }

    /** Trainable weights: matrices of standard deviation about 1 / sqrt(inputs), norms around 1, biases around 0. */
    public static Transformer random(TransformerConfig config, long seed) {
        Transformer model = Transformer.random(config, seed);
        SplittableRandom random = new SplittableRandom(seed);
        model.trainableParameters().forEach((name, tensor) -> {
            double deviation = tensor.rank() == 2 ? 1 / Math.sqrt(tensor.dimension(1)) : 0.3;
            double mean = name.endsWith("norm.weight") ? 1 : 0;
            fill(tensor, random, mean, deviation);
        });
        return model;
    }

    private static void fill(Tensor tensor, SplittableRandom random, double mean, double deviation) {
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) (mean + deviation * random.nextGaussian());
        }
    }
}
