package parsimony.pruning;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.model.Block;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.Paper;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * LLM-Pruner: takes out whole structures, weights that are of no use without each other, so that what is left is a smaller dense model. A structure is a
 * channel of the feed-forward layer (a row of gate and of up, a column of down) or a head (its rows of q, k and v, its columns of o). Its importance is
 * how the loss on the calibration texts would change without it, estimated from the gradient g of the loss: for single weights |w·g| (Eq. 4), with the
 * second order |w·g − ½ w²·mean(g²)| where the squared gradients of single texts stand for the Hessian (Eq. 5), or for a row or column at once |Σ w·g|
 * (Eq. 3); added up over the structure. The least important go, in each block equally many.
 *
 * <p>Deviations: all blocks are pruned, where the authors leave the first and the last few whole, because the configuration of a model knows one shape;
 * with grouped queries a structure is a key/value head with all its query heads. As in the authors' code, ⌊width · (1 − ratio)⌋ channels stay and as many
 * whole heads as that leaves room for, so that small ratios take no head from a model of few.
 *
 * <p>On a trained model w·g is so small that its square, and with it the second order, hardly counts: {@code element1} and {@code element2} lose the same.
 *
 * <p>Try: {@code llm-pruner:ratio=0.2}, then {@code parsimony train --from} the result, and see how much of what was lost comes back.
 */
@Paper(survey = 22)
public final class LlmPruner implements Technique<LlmPruner.Options> {
    /** How the importance of a structure is estimated. */
    public enum Importance {
        /** |Σ w·g| of each row or column. */
        VECTOR,
        /** Σ |w·g|. */
        ELEMENT1,
        /** Σ |w·g − ½ w²·mean(g²)|. */
        ELEMENT2
    }

    /**
     * @param ratio share of the heads and channels that go
     * @param importance of a structure
     */
    public record Options(double ratio, Importance importance) {
        public Options {
            if (!(ratio >= 0 && ratio < 1)) {
                throw new IllegalArgumentException("ratio must be at least 0 and less than 1, not " + ratio);
            }
            if (importance == null) {
                throw new IllegalArgumentException("importance must be vector, element1 or element2");
            }
        }
    }

    @Override
    public String name() {
        return "llm-pruner";
    }

    @Override
    public String idea() {
        return "Takes out the heads and channels that the loss would miss least, as its gradients tell. What "
                + "is left is a smaller dense model, which takes less memory and time everywhere, without "
                + "kernels that know how to skip zeros.";
    }

    @Override
    public Options defaults() {
        return new Options(0.2, Importance.ELEMENT2);
    }

    @Override
    public List<String> showcase() {
        return List.of("llm-pruner:ratio=0.2");
    }

    @Override
    public Transformer apply(Transformer model, Options options, TechniqueContext context) {
        for (Block block : model.blocks()) {
            if (!(block instanceof LlamaBlock)) {
                throw new TechniqueException("llm-pruner knows the structures of Llama's blocks, not of "
                        + block.getClass().getSimpleName());
            }
        }
        TransformerConfig shape = model.config();
        int headGroup = shape.heads() / shape.keyValueHeads() * shape.headSize();
        int keptHeads = shape.keyValueHeads()
                - pruned(shape.keyValueHeads() * shape.headSize(), options.ratio) / shape.headSize();
        int keptChannels = shape.intermediateSize() - pruned(shape.intermediateSize(), options.ratio);
        Map<String, float[]> salience = salience(model, options.importance, context);
        Map<String, WeightStorage> matrices = new HashMap<>(model.matrices());
        Map<String, Tensor> vectors = new HashMap<>(model.vectors());
        for (Block block : model.blocks()) {
            Structures structures = new Structures(block.linears(), salience, options.importance);
            int[] heads = best(structures.heads(shape.keyValueHeads()), Math.max(1, keptHeads));
            int[] channels = best(structures.channels(), Math.max(1, keptChannels));
            for (Linear linear : block.linears()) {
                int[] rows = all(linear.outputs());
                int[] columns = all(linear.inputs());
                switch (part(linear)) {
                    case "q_proj" -> rows = members(heads, headGroup);
                    case "k_proj", "v_proj" -> rows = members(heads, shape.headSize());
                    case "o_proj" -> columns = members(heads, headGroup);
                    case "down_proj" -> columns = channels;
                    default -> rows = channels;
                }
                matrices.put(linear.name() + ".weight", select(linear.weight(), rows, columns));
                if (linear.bias() != null) {
                    vectors.put(linear.name() + ".bias", select(linear.bias(), rows));
                }
            }
        }
        return smaller(model, Math.max(1, keptHeads), Math.max(1, keptChannels), matrices, vectors);
    }

    /** Channels of {@code width} that go, as the authors' code rounds. */
    private static int pruned(int width, double ratio) {
        return width - (int) (width * (1 - ratio));
    }

    /** What each weight adds to its structure's importance, before the absolute value, under the matrices' names. */
    private static Map<String, float[]> salience(Transformer model, Importance importance, TechniqueContext context) {
        Transformer trained = model.trainable();
        List<int[]> texts =
                context.calibration().stream().filter(text -> text.length > 1).toList();
        if (texts.isEmpty()) {
            throw new TechniqueException("llm-pruner needs calibration text, and none was given");
        }
        Map<String, float[]> salience = new HashMap<>();
        int done = 0;
        for (int[] text : texts) {
            backward(trained, text, context);
            for (Linear linear : trained.linears()) {
                add(linear, importance == Importance.ELEMENT2, texts.size(), salience);
            }
            trained.trainableParameters().values().forEach(parameter -> parameter.setGradient(null));
            context.progress().update("gradients", ++done, texts.size(), 0);
        }
        return salience;
    }

    private static void backward(Transformer trained, int[] text, TechniqueContext context) {
        Ops ops = new Ops(context.backend());
        int[] inputs = Arrays.copyOf(text, text.length - 1);
        int[] targets = Arrays.copyOfRange(text, 1, text.length);
        Tape tape = new Tape();
        tape.record(
                () -> ops.crossEntropy(trained.forward(ForwardContext.batch(ops, inputs, inputs.length)), targets, 1));
        tape.backward();
    }

    private static void add(Linear linear, boolean secondOrder, int texts, Map<String, float[]> salience) {
        Tensor weights = ((TensorStorage) linear.weight()).tensor();
        float[] sums = salience.computeIfAbsent(linear.name(), name -> new float[weights.size()]);
        float[] gradient = weights.gradient().array();
        for (int i = 0; i < sums.length; i++) {
            float first = weights.array()[i] * gradient[i];
            sums[i] += (secondOrder ? first - first * first / 2 : first) / texts;
        }
    }

    /** The importance of a block's structures. */
    private static final class Structures {
        private final Map<String, float[]> rows = new HashMap<>();
        private final Map<String, float[]> columns = new HashMap<>();

        Structures(List<Linear> linears, Map<String, float[]> salience, Importance importance) {
            boolean vector = importance == Importance.VECTOR;
            for (Linear linear : linears) {
                float[] s = salience.get(linear.name());
                float[] ofRows = new float[linear.outputs()];
                float[] ofColumns = new float[linear.inputs()];
                for (int i = 0; i < s.length; i++) {
                    float x = vector ? s[i] : Math.abs(s[i]);
                    ofRows[i / ofColumns.length] += x;
                    ofColumns[i % ofColumns.length] += x;
                }
                rows.put(part(linear), ofRows);
                columns.put(part(linear), ofColumns);
            }
        }

        float[] heads(int keyValueHeads) {
            float[] importance = new float[keyValueHeads];
            for (float[] channels :
                    List.of(rows.get("q_proj"), rows.get("k_proj"), rows.get("v_proj"), columns.get("o_proj"))) {
                for (int i = 0; i < channels.length; i++) {
                    importance[i / (channels.length / keyValueHeads)] += Math.abs(channels[i]);
                }
            }
            return importance;
        }

        float[] channels() {
            float[] importance = new float[rows.get("gate_proj").length];
            for (float[] channels : List.of(rows.get("gate_proj"), rows.get("up_proj"), columns.get("down_proj"))) {
                for (int i = 0; i < channels.length; i++) {
                    importance[i] += Math.abs(channels[i]);
                }
            }
            return importance;
        }
    }

    /** {@code q_proj} of {@code model.layers.0.self_attn.q_proj}. */
    private static String part(Linear linear) {
        return linear.name().substring(linear.name().lastIndexOf('.') + 1);
    }

    /** The numbers of the {@code count} most important structures, ascending. */
    private static int[] best(float[] importance, int count) {
        return IntStream.range(0, importance.length)
                .boxed()
                .sorted(Comparator.comparing(i -> -importance[i]))
                .limit(count)
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
    }

    private static int[] all(int count) {
        return IntStream.range(0, count).toArray();
    }

    /** The channels of heads of {@code size} channels each. */
    private static int[] members(int[] heads, int size) {
        return Arrays.stream(heads)
                .flatMap(head -> IntStream.range(head * size, (head + 1) * size))
                .toArray();
    }

    private static WeightStorage select(WeightStorage weight, int[] rows, int[] columns) {
        Tensor selected = Tensor.zeros(rows.length, columns.length);
        float[] row = new float[weight.columns()];
        for (int r = 0; r < rows.length; r++) {
            weight.decodeRow(rows[r], row, 0);
            for (int i = 0; i < columns.length; i++) {
                selected.array()[r * columns.length + i] = row[columns[i]];
            }
        }
        return switch (weight) {
            case DenseStorage dense -> DenseStorage.of(dense.type(), new TensorStorage(selected));
            case SparseStorage sparse -> SparseStorage.of(sparse.type(), selected);
            default -> DenseStorage.of(DataType.F32, new TensorStorage(selected));
        };
    }

    private static Tensor select(Tensor bias, int[] rows) {
        Tensor selected = Tensor.zeros(rows.length);
        for (int i = 0; i < rows.length; i++) {
            selected.array()[i] = bias.array()[rows[i]];
        }
        return selected;
    }

    private static Transformer smaller(
            Transformer model,
            int keyValueHeads,
            int intermediateSize,
            Map<String, WeightStorage> matrices,
            Map<String, Tensor> vectors) {
        TransformerConfig shape = model.config();
        TransformerConfig config = new TransformerConfig(
                shape.vocabularySize(),
                shape.hiddenSize(),
                intermediateSize,
                shape.layers(),
                shape.heads() / shape.keyValueHeads() * keyValueHeads,
                keyValueHeads,
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
