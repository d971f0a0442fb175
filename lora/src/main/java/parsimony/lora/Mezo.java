package parsimony.lora;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.backend.Backend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.BatchLoss;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Optimizer;
import parsimony.core.train.Tuning;

/**
 * MeZO: gradient descent without gradients. All weights are moved by ε z, z normal, then by −ε z; half the difference of the two losses over ε is the slope along z, and the weights go down along z by as
 * much (Alg. 1). z is never kept: it is drawn anew from its seed each time. So training needs the memory of inference, and no backward pass; but it learns slowly, and a step says little where
 * many weights matter.
 */
@Paper(survey = 95)
public final class Mezo implements FineTuner<Mezo.Options> {
    /** @param epsilon how far the weights are moved */
    public record Options(double epsilon) {
        public Options {
            if (!(epsilon > 0) || Double.isInfinite(epsilon)) {
                throw new IllegalArgumentException("epsilon must be above 0, not " + epsilon);
            }
        }
    }

    @Override
    public String name() {
        return "mezo";
    }

    @Override
    public String idea() {
        return "All weights are nudged along a random direction and back, and the difference of the two "
                + "losses tells how far to go along it. There is no backward pass, so that training needs no "
                + "more memory than running the model, but it learns slowly.";
    }

    @Override
    public Options defaults() {
        return new Options(1e-3);
    }

    @Override
    public double learningRate() {
        return 1e-5;
    }

    @Override
    public Tuning prepare(Transformer base, Options options, Setup setup) {
        Transformer model = base.merged().trainable();
        Map<String, Tensor> parameters = model.trainableParameters();
        return new Tuning(
                model,
                parameters,
                new ZerothOrder(parameters.values(), setup.backend(), options.epsilon, setup.seed()),
                setup,
                null);
    }

    /** Steps along random directions. */
    private static final class ZerothOrder implements Optimizer {
        private static final int CHUNK = 1 << 14;

        private final List<Tensor> parameters;
        private final Backend backend;
        private final double epsilon;
        private final long seed;

        ZerothOrder(Iterable<Tensor> parameters, Backend backend, double epsilon, long seed) {
            this.parameters = new ArrayList<>();
            parameters.forEach(this.parameters::add);
            this.backend = backend;
            this.epsilon = epsilon;
            this.seed = seed;
        }

        @Override
        public Update update(BatchLoss loss, int step, double learningRate) {
            long direction = new SplittableRandom(seed + step).nextLong();
            move(direction, epsilon);
            double above = loss(loss);
            move(direction, -2 * epsilon);
            double below = loss(loss);
            double slope = (above - below) / (2 * epsilon);
            // Back to the middle and down the slope at once.
            move(direction, epsilon - learningRate * slope);
            return new Update((above + below) / 2, Math.abs(slope), 0, 0);
        }

        private static double loss(BatchLoss loss) {
            double sum = 0;
            for (int pass = 0; pass < loss.passes(); pass++) {
                sum += loss.forward(pass);
            }
            return sum / loss.passes();
        }

        /** w ← w + distance · z. */
        private void move(long direction, double distance) {
            SplittableRandom seeds = new SplittableRandom(direction);
            for (Tensor parameter : parameters) {
                long ofParameter = seeds.nextLong();
                float[] weights = parameter.array();
                backend.parallel(Math.ceilDiv(weights.length, CHUNK), chunk -> {
                    SplittableRandom random = new SplittableRandom(ofParameter + chunk);
                    int end = Math.min(weights.length, (chunk + 1) * CHUNK);
                    for (int i = chunk * CHUNK; i < end; i++) {
                        weights[i] += (float) (distance * random.nextGaussian());
                    }
                });
            }
        }

        @Override
        public Map<String, Tensor> state() {
            return Map.of();
        }
    }
}
