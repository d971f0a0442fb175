package parsimony.speculative;

import java.util.Arrays;
import java.util.SplittableRandom;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Transformers whose next token depends on the last one alone, by a table: their distribution is known exactly. */
final class Bigram {
    private Bigram() {}

    /** @param logits [token][next token] */
    static Transformer model(float[][] logits) {
        int vocabulary = logits.length;
        // The norm turns a 1 among n numbers into sqrt(n).
        float norm = (float) Math.sqrt(vocabulary);
        return Transformer.of(
                new TransformerConfig(
                        vocabulary,
                        vocabulary,
                        4,
                        1,
                        1,
                        1,
                        2,
                        4096,
                        1e-12f,
                        new TransformerConfig.RopeConfig(10000, false, null),
                        false,
                        false,
                        1,
                        2),
                new Weights() {
                    @Override
                    public WeightStorage matrix(String name, int rows, int columns) {
                        Tensor tensor = Tensor.zeros(rows, columns);
                        for (int i = 0; i < vocabulary; i++) {
                            if (name.startsWith("model.embed_tokens")) {
                                tensor.array()[i * vocabulary + i] = 1;
                            } else if (name.startsWith("lm_head")) {
                                for (int next = 0; next < vocabulary; next++) {
                                    tensor.array()[next * vocabulary + i] = logits[i][next] / norm;
                                }
                            }
                        }
                        return new TensorStorage(tensor);
                    }

                    @Override
                    public Tensor vector(String name, int size) {
                        Tensor ones = Tensor.zeros(size);
                        Arrays.fill(ones.array(), 1);
                        return ones;
                    }
                });
    }

    /** Logits that are normally distributed. */
    static float[][] random(int vocabulary, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[][] logits = new float[vocabulary][vocabulary];
        for (float[] row : logits) {
            for (int i = 0; i < vocabulary; i++) {
                row[i] = (float) random.nextGaussian();
            }
        }
        return logits;
    }
}
