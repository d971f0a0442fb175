package parsimony.lora;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.technique.Paper;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import parsimony.core.train.Optimizer;

/**
 * AdaLoRA: the change of a matrix is kept as a singular value decomposition, P Λ Q (Eq. 3), and ranks are taken from the matrices that need them least. P and Q are kept near orthogonal by a penalty
 * (Eq. 4); a triplet of a singular value and its two vectors counts by the sensitivity |w · ∂L/∂w| of its numbers, smoothed, times how much that sensitivity varies (Eq. 7 to 10); singular values
 * of the least important triplets are set to zero whenever the budget falls (Eq. 11), but may grow again until the next time.
 *
 * <p>As in the authors' code: P is lora_B, Λ lora_E and Q lora_A; the change is multiplied by alpha over the rank it began with; a triplet counts the mean over each vector; and importance is
 * taken with the updated weights and the gradients before the update. The schedule's parts are given here as shares of the training, where the paper gives steps.
 */
@Paper(survey = 79)
public final class AdaLora extends LinearTuner<AdaLora.Options> {
    private static final double DEVIATION = 0.02;
    private static final double NO_DIVISION_BY_ZERO = 1e-5;

    /**
     * @param rank that matrices have on average at the end
     * @param initialRank of every matrix, usually 1.5 times as much
     * @param alpha the change is multiplied by alpha / initialRank
     * @param warmup share of the training before the budget falls
     * @param finalStage share of the training after it has fallen
     * @param interval updates from one masking to the next
     * @param beta1 how slowly the smoothed sensitivity follows
     * @param beta2 how slowly its uncertainty follows
     * @param orthogonality weight of the penalty
     * @param targets the projections that are adapted
     */
    public record Options(
            int rank,
            int initialRank,
            double alpha,
            double warmup,
            double finalStage,
            int interval,
            double beta1,
            double beta2,
            double orthogonality,
            Targets targets) {
        public Options {
            new LowRankTuner.Common(rank, alpha, 0, targets);
            if (initialRank < rank) {
                throw new IllegalArgumentException(
                        "initialRank must be at least the rank of " + rank + ", not " + initialRank);
            }
            if (!(warmup >= 0 && finalStage >= 0 && warmup + finalStage < 1)) {
                throw new IllegalArgumentException("warmup=" + warmup + " and finalStage=" + finalStage
                        + " must leave a part of the training between them");
            }
            if (interval < 1) {
                throw new IllegalArgumentException("interval must be at least 1, not " + interval);
            }
            if (!(beta1 > 0 && beta1 < 1)) {
                throw new IllegalArgumentException("beta1 must be above 0 and below 1, not " + beta1);
            }
            if (!(beta2 > 0 && beta2 < 1)) {
                throw new IllegalArgumentException("beta2 must be above 0 and below 1, not " + beta2);
            }
            if (!(orthogonality >= 0)) {
                throw new IllegalArgumentException("orthogonality must be at least 0, not " + orthogonality);
            }
        }
    }

    @Override
    public String name() {
        return "adalora";
    }

    @Override
    public String idea() {
        return "The change to each matrix is learned as a singular value decomposition, and ranks are taken "
                + "away from the matrices that need them least. A small budget of trained numbers so goes where "
                + "it helps most.";
    }

    @Override
    public Options defaults() {
        return new Options(8, 12, 16, 0.1, 0.3, 10, 0.85, 0.85, 0.1, Targets.parse("all"));
    }

    @Override
    public double learningRate() {
        return 1e-2;
    }

    @Override
    public String adapterType() {
        return "ADALORA";
    }

    @Override
    Targets targets(Options options) {
        return options.targets;
    }

    @Override
    TunedAdapter begin(Linear linear, Options options, SplittableRandom random) {
        Tensor q = normal(random, options.initialRank, linear.inputs());
        Tensor p = normal(random, linear.outputs(), options.initialRank);
        return new Triplets(q, Tensor.zeros(options.initialRank, 1).setTrainable(true), p, scaling(options));
    }

    private static float scaling(Options options) {
        return (float) (options.alpha / (options.initialRank + NO_DIVISION_BY_ZERO));
    }

    private static Tensor normal(SplittableRandom random, int rows, int columns) {
        Tensor tensor = Tensor.zeros(rows, columns).setTrainable(true);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) (DEVIATION * random.nextGaussian());
        }
        return tensor;
    }

    @Override
    Optimizer optimizer(
            Map<String, TunedAdapter> adapters, Map<String, Tensor> parameters, Options options, Setup setup) {
        Map<String, Triplets> triplets = new LinkedHashMap<>();
        adapters.forEach((matrix, adapter) -> triplets.put(matrix, (Triplets) adapter));
        int steps = setup.training().steps();
        int warmup = (int) (options.warmup * steps);
        int finalSteps = (int) (options.finalStage * steps);
        if (warmup + finalSteps >= steps) {
            throw new TechniqueException("adalora needs more than " + steps + " steps of training");
        }
        RankAllocator.Schedule schedule = new RankAllocator.Schedule(
                options.rank, warmup, finalSteps, options.interval, options.beta1, options.beta2, steps);
        return new AdaLoraOptimizer(triplets, parameters, options.orthogonality, schedule, setup);
    }

    @Override
    TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        int r = rank(file, "init_r", linear);
        return new Triplets(
                file.tensor(name(linear.name(), "lora_A"), r, linear.inputs()),
                file.tensor(name(linear.name(), "lora_E"), r, 1),
                file.tensor(name(linear.name(), "lora_B"), linear.outputs(), r),
                (float) (file.number("lora_alpha") / (r + NO_DIVISION_BY_ZERO)));
    }

    @Override
    Map<String, Object> configuration(Options options) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("r", options.rank);
        config.put("lora_alpha", options.alpha);
        config.put("bias", "none");
        config.put("target_r", options.rank);
        config.put("init_r", options.initialRank);
        config.put("orth_reg_weight", options.orthogonality);
        config.put("beta1", options.beta1);
        config.put("beta2", options.beta2);
        config.put("deltaT", options.interval);
        return config;
    }

    /**
     * y + scaling · P Λ Q x.
     *
     * @param q right singular vectors [rank, in]
     * @param lambda singular values [rank, 1]
     * @param p left singular vectors [out, rank]
     */
    record Triplets(Tensor q, Tensor lambda, Tensor p, float scaling) implements TunedAdapter {
        @Override
        public Tensor output(ForwardContext context, Tensor x, Tensor y) {
            Tensor turned = context.ops().scaleColumns(context.ops().multiply(x, q), lambda);
            return context.ops().addScaled(y, scaling, context.ops().multiply(turned, p));
        }

        @Override
        public WeightStorage merged(WeightStorage frozen) {
            Tensor scaledRows = q.copy();
            for (int i = 0; i < scaledRows.size(); i++) {
                scaledRows.array()[i] *= lambda.array()[i / q.columns()];
            }
            return new LowRankAdapter(scaledRows, p, scaling, 0, 0).merged(frozen);
        }

        @Override
        public Map<String, Tensor> tensors() {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            tensors.put("lora_A", q);
            tensors.put("lora_E", lambda);
            tensors.put("lora_B", p);
            return tensors;
        }
    }
}
