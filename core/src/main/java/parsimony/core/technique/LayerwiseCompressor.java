package parsimony.core.technique;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import parsimony.core.autograd.Ops;
import parsimony.core.model.Block;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.Linear.InputTransform;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * Compression after training, one weight matrix at a time. A subclass says which {@link Statistic} of a layer's
 * inputs it needs and turns one matrix into its compressed form; this class walks the blocks in order, runs the
 * calibration texts through them, each block on what the compressed ones before it give, and puts the results in
 * place. Embedding and output matrix stay as they are.
 *
 * @param <O> the technique's options
 */
public abstract class LayerwiseCompressor<O extends Record> implements Technique<O> {
    /** What {@link #compress(LinearTask, Record)} needs to know of a layer's inputs. */
    protected Statistic statistic(O options) {
        return Statistic.NONE;
    }

    /** Turns {@link LinearTask#weights} into a storage of the same shape. */
    protected abstract WeightStorage compress(LinearTask task, O options);

    /**
     * Compresses a matrix on its own.
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
        return compress(LinearTask.of(name, weight, statistics, context), options);
    }

    @Override
    public final Transformer apply(Transformer model, O options, TechniqueContext context) {
        Transformer result = model.copy();
        new Walk(result, options, context).run();
        return result;
    }

    private static void checkFinite(String name, Tensor inputs) {
        for (float x : inputs.array()) {
            if (!Float.isFinite(x)) {
                throw new TechniqueException(
                        name + " receives " + x + " from the calibration data, which must be finite");
            }
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
                for (Linear linear : block.linears()) {
                    InputStatistics seen = statistics.remove(linear);
                    linear.setWeight(compress(LinearTask.of(linear.name(), linear.weight(), seen, context), options));
                    context.progress().update(linear.name(), ++done, total, bytes);
                }
                if (index + 1 < model.blocks().size()) {
                    for (int i = 0; i < texts.size(); i++) {
                        hidden.set(i, block.forward(texts.get(i), index, hidden.get(i)));
                    }
                }
            }
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
            Map<Linear, InputTransform> transforms = new HashMap<>();
            // Matrices that read the same tensor, such as q, k and v, share one statistic.
            Map<Tensor, InputStatistics> seen = new HashMap<>();
            try {
                for (Linear linear : block.linears()) {
                    InputTransform transform = linear.transform();
                    transforms.put(linear, transform);
                    linear.setTransform((ops, x) -> {
                        Tensor input = transform == null ? x : transform.apply(ops, x);
                        InputStatistics own = statistics.computeIfAbsent(
                                linear, l -> seen.getOrDefault(input, new InputStatistics(wanted, context.backend())));
                        if (seen.put(input, own) == null) {
                            checkFinite(linear.name(), input);
                            own.add(input);
                        }
                        return input;
                    });
                }
                for (int i = 0; i < texts.size(); i++) {
                    block.forward(texts.get(i), index, hidden.get(i));
                    seen.clear();
                }
            } finally {
                transforms.forEach(Linear::setTransform);
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
