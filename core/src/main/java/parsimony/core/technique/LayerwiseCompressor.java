package parsimony.core.technique;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import parsimony.core.autograd.Ops;
import parsimony.core.model.Block;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.InputGroup;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/**
 * Compression after training, one weight matrix at a time. A subclass says which {@link Statistic} of a layer's
 * inputs it needs and turns one matrix into its compressed form; this class walks the blocks in order, runs the
 * calibration texts through them, each block on what the compressed ones before it give, and puts the results in
 * place. Embedding and output matrix stay as they are.
 *
 * <p>A subclass that wants to move magnitude between the inputs of matrices and their columns first says by how much
 * in {@link #balance}: the columns are then multiplied by these numbers and whatever makes the inputs is divided by
 * them, so that the model computes the same and {@link #compress(LinearTask, Record)} meets the balanced matrices.
 *
 * @param <O> the technique's options
 */
public abstract class LayerwiseCompressor<O extends Record> implements Technique<O> {
    /** What {@link #balance} and {@link #compress(LinearTask, Record)} need to know of a layer's inputs. */
    protected Statistic statistic(O options) {
        return Statistic.NONE;
    }

    /**
     * What the columns of matrices that read the same tensor are multiplied by, positive numbers [in]; null to leave them
     * as they are. Not asked where nothing before the matrices can be divided instead.
     */
    protected float[] balance(InputGroupTask task, O options) {
        return null;
    }

    /** Turns {@link LinearTask#weights} into a storage of the same shape. */
    protected abstract WeightStorage compress(LinearTask task, O options);

    /**
     * Compresses a matrix on its own. Its inputs are balanced at run time if at all, for there is nothing before it.
     *
     * @param weight [out, in]
     * @param inputs [n, in], in place of what calibration would see; null if there are none
     */
    public final WeightStorage compress(
            String name, WeightStorage weight, Tensor inputs, O options, TechniqueContext context) {
        Statistic wanted = statistic(options);
        InputStatistics statistics = new InputStatistics(wanted, context.backend());
        if (wanted != Statistic.NONE) {
            if (inputs == null) {
                throw new TechniqueException(name() + " needs inputs of the layer, and none were given");
            }
            checkFinite(name, inputs);
            statistics.add(inputs);
        }
        LinearTask task = LinearTask.of(name, weight, LinearTask.zeros(weight), statistics, context);
        InputGroup alone = InputGroup.of(new Linear(name, weight, null));
        List<ForwardContext> text = List.of(new ForwardContext(new Ops(context.backend()), null, null, List.of()));
        float[] factors = balance(new InputGroupTask(alone, statistics, text, 0, context), options);
        if (factors == null) {
            return compressed(task, options);
        }
        statistics.divide(factors);
        multiplyColumns(task.weights(), factors);
        float[] divided = new float[factors.length];
        for (int i = 0; i < divided.length; i++) {
            divided[i] = 1 / factors[i];
        }
        return ScaledInputStorage.of(compressed(task, options), divided);
    }

    @Override
    public final Transformer apply(Transformer model, O options, TechniqueContext context) {
        Transformer result = model.copy();
        new Walk(result, options, context).run();
        return result;
    }

    /** Leaves out the codes of weights that were pruned: a technique that makes grids need not know of that form. */
    private WeightStorage compressed(LinearTask task, O options) {
        WeightStorage result = compress(task, options);
        return task.zeros() != null && result instanceof GridStorage grid
                ? SparseGridStorage.of(grid, task.zeros())
                : result;
    }

    private static void checkFinite(String name, Tensor inputs) {
        for (float x : inputs.array()) {
            if (!Float.isFinite(x)) {
                throw new TechniqueException(
                        name + " receives " + x + " from the calibration data, which must be finite");
            }
        }
    }

    private static void multiplyColumns(Tensor weights, float[] factors) {
        for (int i = 0; i < weights.size(); i++) {
            weights.array()[i] *= factors[i % factors.length];
        }
    }

    /** One pass through a model. */
    private final class Walk {
        private final Transformer model;
        private final O options;
        private final TechniqueContext context;
        private final Statistic wanted;
        private final int total;
        private int done;

        Walk(Transformer model, O options, TechniqueContext context) {
            this.model = model;
            this.options = options;
            this.context = context;
            wanted = statistic(options);
            total = model.linears().size();
        }

        void run() {
            List<ForwardContext> texts = wanted == Statistic.NONE ? List.of() : texts();
            List<Tensor> hidden =
                    new ArrayList<>(texts.stream().map(model::embed).toList());
            for (int index = 0; index < model.blocks().size(); index++) {
                Block block = model.blocks().get(index);
                Map<Linear, InputStatistics> statistics = collect(block, index, texts, hidden);
                long bytes = bytes(statistics, hidden);
                // Whatever was pruned stays so, also when its storage gives way to balanced floats.
                Map<Linear, BitSet> zeros = new HashMap<>();
                block.linears().forEach(linear -> zeros.put(linear, LinearTask.zeros(linear.weight())));
                for (InputGroup group : block.inputGroups()) {
                    balance(
                            group,
                            index,
                            texts,
                            statistics.get(group.consumers().getFirst()));
                }
                for (Linear linear : block.linears()) {
                    InputStatistics seen = statistics.remove(linear);
                    linear.setWeight(compressed(
                            LinearTask.of(linear.name(), linear.weight(), zeros.get(linear), seen, context), options));
                    context.progress().update(linear.name(), ++done, total, bytes);
                }
                if (index + 1 < model.blocks().size()) {
                    for (int i = 0; i < texts.size(); i++) {
                        hidden.set(i, block.forward(texts.get(i), index, hidden.get(i)));
                    }
                }
            }
        }

        private void balance(InputGroup group, int index, List<ForwardContext> texts, InputStatistics seen) {
            if (group.producer() == null) {
                return;
            }
            float[] factors =
                    LayerwiseCompressor.this.balance(new InputGroupTask(group, seen, texts, index, context), options);
            if (factors == null) {
                return;
            }
            for (Linear linear : group.consumers()) {
                Tensor weights = linear.weight().decode();
                multiplyColumns(weights, factors);
                linear.setWeight(new TensorStorage(weights));
            }
            group.producer().accept(factors);
            seen.divide(factors);
        }

        private List<ForwardContext> texts() {
            Ops ops = new Ops(context.backend());
            List<ForwardContext> texts = context.calibration().stream()
                    .filter(tokens -> tokens.length > 0)
                    .map(tokens -> ForwardContext.batch(ops, tokens, tokens.length))
                    .toList();
            if (texts.isEmpty()) {
                throw new TechniqueException(name() + " needs calibration text, and none was given");
            }
            return texts;
        }

        /** Runs all texts through a block while its matrices note what they receive. */
        private Map<Linear, InputStatistics> collect(
                Block block, int index, List<ForwardContext> texts, List<Tensor> hidden) {
            Map<Linear, InputStatistics> statistics = new HashMap<>();
            // Matrices that read the same tensor, such as q, k and v, share one statistic.
            Map<Tensor, InputStatistics> seen = new HashMap<>();
            try {
                for (Linear linear : block.linears()) {
                    linear.observeInputs(input -> {
                        InputStatistics own = statistics.computeIfAbsent(
                                linear, l -> seen.getOrDefault(input, new InputStatistics(wanted, context.backend())));
                        if (seen.put(input, own) == null) {
                            checkFinite(linear.name(), input);
                            own.add(input);
                        }
                    });
                }
                for (int i = 0; i < texts.size(); i++) {
                    block.forward(texts.get(i), index, hidden.get(i));
                    seen.clear();
                }
            } finally {
                block.linears().forEach(linear -> linear.observeInputs(null));
            }
            for (Linear linear : block.linears()) {
                statistics.putIfAbsent(linear, new InputStatistics(wanted, context.backend()));
            }
            return statistics;
        }

        private static long bytes(Map<Linear, InputStatistics> statistics, List<Tensor> hidden) {
            return new HashSet<>(statistics.values())
                            .stream().mapToLong(InputStatistics::bytes).sum()
                    + hidden.stream().mapToLong(x -> 4L * x.size()).sum();
        }
    }
}
