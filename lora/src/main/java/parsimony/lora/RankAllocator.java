package parsimony.lora;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import parsimony.core.tensor.Tensor;

/** Says which of AdaLoRA's singular values stay (Zhang et al., 2023, Section 3.2 and 3.3). */
final class RankAllocator {
    private final Map<String, AdaLora.Triplets> triplets;
    private final Schedule schedule;
    private final Map<String, Tensor> importance = new LinkedHashMap<>();
    private final Map<String, Tensor> uncertainty = new LinkedHashMap<>();

    /**
     * @param targetRank of a matrix at the end, on average
     * @param warmup first steps, in which nothing is taken
     * @param finalSteps last steps, in which ranks stay as they are
     * @param interval steps from one masking to the next
     * @param beta1 of the smoothed sensitivity
     * @param beta2 of its uncertainty
     * @param steps of the training
     */
    record Schedule(int targetRank, int warmup, int finalSteps, int interval, double beta1, double beta2, int steps) {
        /** The budget of a step, for all matrices together: it falls as a cube (Eq. 12). */
        int budget(int step, int initial, int target) {
            if (step <= warmup) {
                return initial;
            }
            if (step > steps - finalSteps) {
                return target;
            }
            double left = 1 - (step - warmup) / (double) (steps - finalSteps - warmup);
            return (int) (target + (initial - target) * left * left * left);
        }

        /** In the last stage every step masks, so that what was taken stays away. */
        boolean masks(int step) {
            return step > warmup && (step > steps - finalSteps || step % interval == 0);
        }
    }

    RankAllocator(Map<String, AdaLora.Triplets> triplets, Schedule schedule) {
        this.triplets = triplets;
        this.schedule = schedule;
        triplets.forEach((matrix, one) -> one.tensors().forEach((part, tensor) -> {
            importance.put(matrix + "." + part, tensor.zerosLike());
            uncertainty.put(matrix + "." + part, tensor.zerosLike());
        }));
    }

    /** What has to be kept between updates. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        importance.forEach((name, tensor) -> state.put("importance." + name, tensor));
        uncertainty.forEach((name, tensor) -> state.put("uncertainty." + name, tensor));
        return state;
    }

    /**
     * Follows the importance and masks if it is time.
     *
     * @param gradients of all tensors, from before the update that was just made
     * @return the importance up to which singular values were set to zero, if they were
     */
    OptionalDouble update(int step, Map<Tensor, Tensor> gradients) {
        if (step < schedule.steps - schedule.finalSteps) {
            triplets.forEach((matrix, one) -> one.tensors()
                    .forEach((part, tensor) -> follow(matrix + "." + part, tensor, gradients.get(tensor))));
        }
        int initial =
                triplets.values().stream().mapToInt(one -> one.lambda().size()).sum();
        int budget = schedule.budget(step, initial, schedule.targetRank * triplets.size());
        return schedule.masks(step) && budget < initial
                ? OptionalDouble.of(mask(initial - budget))
                : OptionalDouble.empty();
    }

    /** Sensitivity I = |w · ∂L/∂w|, smoothed, and how far it is from smooth (Eq. 8 to 10). */
    private void follow(String name, Tensor tensor, Tensor gradient) {
        float[] smooth = importance.get(name).array();
        float[] spread = uncertainty.get(name).array();
        for (int i = 0; i < smooth.length; i++) {
            double sensitivity = Math.abs(tensor.array()[i] * gradient.array()[i]);
            smooth[i] = (float) (schedule.beta1 * smooth[i] + (1 - schedule.beta1) * sensitivity);
            spread[i] = (float) (schedule.beta2 * spread[i] + (1 - schedule.beta2) * Math.abs(sensitivity - smooth[i]));
        }
    }

    /** Sets the singular values of the {@code count} least important triplets, and of those as important as the last of them, to zero. */
    private double mask(int count) {
        Map<String, double[]> scores = new LinkedHashMap<>();
        triplets.forEach((matrix, one) -> scores.put(matrix, scores(matrix, one)));
        double[] all = scores.values().stream()
                .flatMapToDouble(Arrays::stream)
                .sorted()
                .toArray();
        double threshold = all[count - 1];
        triplets.forEach((matrix, one) -> {
            double[] score = scores.get(matrix);
            for (int i = 0; i < score.length; i++) {
                if (score[i] <= threshold) {
                    one.lambda().array()[i] = 0;
                }
            }
        });
        return threshold;
    }

    /** S = s(λ) + mean of s over the vector of P + mean over that of Q, where s is importance times uncertainty (Eq. 7). */
    private double[] scores(String matrix, AdaLora.Triplets one) {
        int rank = one.lambda().size();
        double[] scores = new double[rank];
        for (int i = 0; i < rank; i++) {
            scores[i] = score(matrix + ".lora_E", i);
            for (int j = 0; j < one.q().columns(); j++) {
                scores[i] += score(matrix + ".lora_A", i * one.q().columns() + j)
                        / one.q().columns();
            }
            for (int j = 0; j < one.p().rows(); j++) {
                scores[i] += score(matrix + ".lora_B", j * rank + i) / one.p().rows();
            }
        }
        return scores;
    }

    private double score(String name, int i) {
        return (double) importance.get(name).array()[i] * uncertainty.get(name).array()[i];
    }
}
