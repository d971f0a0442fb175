package parsimony.core.technique;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import parsimony.core.backend.Backend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.InputGroup;
import parsimony.core.model.Linear;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** Matrices that read the same tensor, for techniques that balance the tensor against their columns. */
public final class InputGroupTask {
    /** Enough to tell a better replacement from a worse one, few enough to try many. */
    private static final int LOSS_TOKENS = 1024;

    private final InputGroup group;
    private final InputStatistics statistics;
    private final List<ForwardContext> texts;
    private final int block;
    private final TechniqueContext context;
    private List<Integer> sample;
    /** What the part gives for the sample; null for a matrix alone. */
    private List<Tensor> expected;
    /** Σ x xᵀ of the sample, for a matrix alone. */
    private Tensor products;

    /**
     * @param texts the calibration texts in the order of {@code statistics}, null for what stands alone
     * @param block the block's place in the stack
     */
    InputGroupTask(
            InputGroup group,
            InputStatistics statistics,
            List<ForwardContext> texts,
            int block,
            TechniqueContext context) {
        this.group = group;
        this.statistics = statistics;
        this.texts = texts;
        this.block = block;
        this.context = context;
    }

    /** The matrices' names in a checkpoint. */
    public List<String> names() {
        return group.consumers().stream().map(Linear::name).toList();
    }

    /** What makes the tensor that they read. */
    public InputGroup.Source source() {
        return group.source();
    }

    /** The matrices, each [out, in]; copies. */
    public List<Tensor> weights() {
        return group.consumers().stream()
                .map(linear -> linear.weight().decode())
                .toList();
    }

    /** What calibration saw of the tensor that they read. */
    public InputStatistics statistics() {
        return statistics;
    }

    /** How scales are to be kept. */
    public DataType scaleType() {
        return context.scaleType();
    }

    public Backend backend() {
        return context.backend();
    }

    /**
     * How far the part of the block that the group belongs to is from what it was if each matrix is replaced: the mean
     * squared difference of its outputs over whole calibration texts, for which {@link Statistic#INPUTS} must have been
     * collected: all of them, or every second, third … so that few more than 1024 tokens are read. The block itself stays as it is.
     *
     * @param replacement from a matrix [out, in], a copy that may be changed, to the one in its place
     */
    public double loss(UnaryOperator<Tensor> replacement) {
        if (sample == null) {
            int step = Math.toIntExact(Math.max(1, statistics.rows() / LOSS_TOKENS));
            sample = IntStream.iterate(0, i -> i < texts.size(), i -> i + step)
                    .boxed()
                    .toList();
        }
        return group.part() instanceof InputGroup.Alone(Linear linear)
                ? lossAlone(linear, replacement)
                : lossOfPart(replacement);
    }

    /** tr(D · Σ x xᵀ · Dᵀ) / (tokens · outputs), D the difference of the matrices: far fewer products than with each token. */
    private double lossAlone(Linear linear, UnaryOperator<Tensor> replacement) {
        List<Tensor> parts = statistics.inputParts();
        if (products == null) {
            products = Tensor.zeros(linear.inputs(), linear.inputs());
            for (int i : sample) {
                Matrix x = parts.get(i).matrix();
                backend().multiply(x, true, x, false, products.matrix(), true);
            }
        }
        Tensor difference = linear.weight().decode();
        backend().addScaled(-1, replacement.apply(linear.weight().decode()), difference);
        Tensor weighted = difference.zerosLike();
        backend().multiply(difference.matrix(), false, products.matrix(), false, weighted.matrix(), false);
        double sum = 0;
        for (int i = 0; i < difference.size(); i++) {
            sum += (double) difference.array()[i] * weighted.array()[i];
        }
        long tokens = sample.stream().mapToLong(i -> parts.get(i).rows()).sum();
        return sum / (tokens * linear.outputs());
    }

    private double lossOfPart(UnaryOperator<Tensor> replacement) {
        if (expected == null) {
            expected = outputs();
        }
        List<WeightStorage> originals =
                group.consumers().stream().map(Linear::weight).toList();
        try {
            for (Linear linear : group.consumers()) {
                Tensor replaced = replacement.apply(linear.weight().decode());
                linear.setWeight(new TensorStorage(replaced));
            }
            return meanSquaredDifference(expected, outputs());
        } finally {
            for (int i = 0; i < originals.size(); i++) {
                group.consumers().get(i).setWeight(originals.get(i));
            }
        }
    }

    private List<Tensor> outputs() {
        List<Tensor> parts = statistics.inputParts();
        List<Tensor> outputs = new ArrayList<>();
        for (int i : sample) {
            outputs.add(group.part().forward(texts.get(i), block, parts.get(i)));
        }
        return outputs;
    }

    private static double meanSquaredDifference(List<Tensor> a, List<Tensor> b) {
        double sum = 0;
        long count = 0;
        for (int i = 0; i < a.size(); i++) {
            float[] left = a.get(i).array();
            float[] right = b.get(i).array();
            for (int j = 0; j < left.length; j++) {
                double difference = left[j] - right[j];
                sum += difference * difference;
            }
            count += left.length;
        }
        return sum / count;
    }
}
