package parsimony.attention;

import java.util.HashMap;
import java.util.Map;
import parsimony.core.model.Block;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Makes query heads share key/value heads. */
final class SharedHeads {
    private SharedHeads() {}

    /**
     * A model with {@code groups} key/value heads, each the mean of neighbouring ones of {@code model}.
     *
     * @throws TechniqueException if {@code groups} does not divide the number that there are, or the model has adapters or learned prefixes, which belong to
     *     the heads as they were
     */
    static Transformer convert(String technique, Transformer model, int groups) {
        TransformerConfig shape = model.config();
        if (shape.keyValueHeads() % groups != 0) {
            throw new TechniqueException(technique + ": " + groups + " groups do not divide the model's "
                    + shape.keyValueHeads() + " key/value heads");
        }
        requireNoAdapters(technique, model);
        Map<String, WeightStorage> matrices = new HashMap<>(model.matrices());
        Map<String, Tensor> vectors = new HashMap<>(model.vectors());
        for (Block block : model.blocks()) {
            for (Linear linear : AttentionTechnique.llama(technique, block).linears()) {
                if (linear.name().endsWith("k_proj") || linear.name().endsWith("v_proj")) {
                    Tensor weights = linear.weight().decode();
                    Tensor pooled =
                            Tensor.of(pool(weights.array(), groups, shape), groups * shape.headSize(), linear.inputs());
                    matrices.put(linear.name() + ".weight", store(linear.weight(), pooled));
                    if (linear.bias() != null) {
                        float[] bias = pool(linear.bias().array(), groups, shape);
                        vectors.put(linear.name() + ".bias", Tensor.of(bias, bias.length));
                    }
                }
            }
        }
        return assemble(model, groups, matrices, vectors);
    }

    private static void requireNoAdapters(String technique, Transformer model) {
        for (Block block : model.blocks()) {
            boolean adapted = block.linears().stream().anyMatch(linear -> linear.adapter() != null);
            if (adapted || AttentionTechnique.llama(technique, block).learnedPrefix() != null) {
                throw new TechniqueException(
                        technique + " changes the shape of heads that adapters were made for: merge them first");
            }
        }
    }

    /** The mean of the heads of each group; each head's numbers are neighbours. */
    private static float[] pool(float[] heads, int groups, TransformerConfig shape) {
        int ofHead = heads.length / shape.keyValueHeads();
        int shared = shape.keyValueHeads() / groups;
        float[] pooled = new float[groups * ofHead];
        for (int i = 0; i < pooled.length; i++) {
            double sum = 0;
            for (int head = 0; head < shared; head++) {
                sum += heads[(i / ofHead * shared + head) * ofHead + i % ofHead];
            }
            pooled[i] = (float) (sum / shared);
        }
        return pooled;
    }

    private static WeightStorage store(WeightStorage before, Tensor pooled) {
        DataType type = before instanceof DenseStorage dense ? dense.type() : DataType.F32;
        return DenseStorage.of(type, new TensorStorage(pooled));
    }

    private static Transformer assemble(
            Transformer model, int groups, Map<String, WeightStorage> matrices, Map<String, Tensor> vectors) {
        TransformerConfig shape = model.config();
        TransformerConfig config = new TransformerConfig(
                shape.vocabularySize(),
                shape.hiddenSize(),
                shape.intermediateSize(),
                shape.layers(),
                shape.heads(),
                groups,
                shape.headSize(),
                shape.contextLength(),
                shape.normEpsilon(),
                shape.rope(),
                shape.tiedEmbeddings(),
                shape.projectionBias(),
                shape.beginOfSequence(),
                shape.endOfSequence());
        return model.reshaped(config, matrices, vectors);
    }
}
