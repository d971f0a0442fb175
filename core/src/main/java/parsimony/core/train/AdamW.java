package parsimony.core.train;

import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.autograd.Tape;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Tensor;

/**
 * AdamW (Loshchilov and Hutter, 2019, Alg. 2), the gradient of all parameters together clipped to a norm first. Matrices decay, vectors do not. A parameter that
 * received no gradient stays as it is.
 */
public final class AdamW implements Optimizer {
    private static final float EPSILON = 1e-8f;

    private final Map<String, Tensor> parameters;
    private final Backend backend;
    private final TrainingOptions options;
    private final Map<String, Tensor> firstMoments = new LinkedHashMap<>();
    private final Map<String, Tensor> secondMoments = new LinkedHashMap<>();

    /** @param parameters what is trained, by name */
    public AdamW(Map<String, Tensor> parameters, Backend backend, TrainingOptions options) {
        this.parameters = new LinkedHashMap<>(parameters);
        this.backend = backend;
        this.options = options;
        parameters.forEach((name, parameter) -> {
            firstMoments.put(name, parameter.zerosLike());
            secondMoments.put(name, parameter.zerosLike());
        });
    }

    @Override
    public Update update(BatchLoss loss, int step, double learningRate) {
        Update update = accumulate(loss);
        apply(step, learningRate, update.gradientNorm());
        return update;
    }

    /** The first half of an update: adds up the gradients of all passes. */
    public Update accumulate(BatchLoss loss) {
        double sum = 0;
        long activationBytes = 0;
        for (int pass = 0; pass < loss.passes(); pass++) {
            int current = pass;
            Tape tape = new Tape();
            sum += tape.record(() -> loss.forward(current));
            activationBytes = Math.max(activationBytes, tape.savedBytes());
            tape.backward();
        }
        double squares = 0;
        long gradientBytes = 0;
        for (Tensor parameter : parameters.values()) {
            Tensor gradient = parameter.gradient();
            if (gradient != null) {
                squares += backend.sumOfSquares(gradient);
                gradientBytes += (long) Float.BYTES * gradient.size();
            }
        }
        return new Update(sum / loss.passes(), Math.sqrt(squares), gradientBytes, activationBytes);
    }

    /** The second half: follows the gradients and lets go of them. */
    public void apply(int step, double learningRate, double gradientNorm) {
        double clip = options.clip();
        float scale = (float) (clip > 0 && gradientNorm > clip ? clip / gradientNorm : 1);
        parameters.forEach((name, parameter) -> {
            Tensor gradient = parameter.gradient();
            if (gradient == null) {
                return;
            }
            double weightDecay = parameter.rank() > 1 ? options.weightDecay() : 0;
            Backend.AdamWStep update = new Backend.AdamWStep(
                    (float) learningRate,
                    (float) options.beta1(),
                    (float) options.beta2(),
                    EPSILON,
                    (float) weightDecay,
                    step + 1);
            backend.adamW(parameter, gradient, scale, firstMoments.get(name), secondMoments.get(name), update);
            parameter.setGradient(null);
        });
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        firstMoments.forEach((name, moment) -> state.put("first_moment." + name, moment));
        secondMoments.forEach((name, moment) -> state.put("second_moment." + name, moment));
        return state;
    }
}
