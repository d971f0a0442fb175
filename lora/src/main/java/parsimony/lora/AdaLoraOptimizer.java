package parsimony.lora;

import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Matrix;
import parsimony.core.tensor.Tensor;
import parsimony.core.train.AdamW;
import parsimony.core.train.BatchLoss;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Optimizer;

/** AdamW on AdaLoRA's triplets, with the penalty that keeps their vectors orthogonal, and the allocation of ranks after each update (Zhang et al., 2023, Alg. 1). */
final class AdaLoraOptimizer implements Optimizer {
    private final Map<String, AdaLora.Triplets> triplets;
    private final Map<String, Tensor> parameters;
    private final double orthogonality;
    private final Backend backend;
    private final AdamW adamW;
    private final RankAllocator allocator;

    AdaLoraOptimizer(
            Map<String, AdaLora.Triplets> triplets,
            Map<String, Tensor> parameters,
            double orthogonality,
            RankAllocator.Schedule schedule,
            FineTuner.Setup setup) {
        this.triplets = triplets;
        this.parameters = parameters;
        this.orthogonality = orthogonality;
        this.backend = setup.backend();
        this.adamW = new AdamW(parameters, backend, setup.training());
        this.allocator = new RankAllocator(triplets, schedule);
    }

    @Override
    public Update update(BatchLoss loss, int step, double learningRate) {
        Update update = adamW.accumulate(loss);
        penalize(triplets.values(), orthogonality, backend);
        Map<Tensor, Tensor> gradients = new IdentityHashMap<>();
        double squares = 0;
        for (Tensor parameter : parameters.values()) {
            gradients.put(parameter, parameter.gradientForAdding());
            squares += backend.sumOfSquares(parameter.gradient());
        }
        adamW.apply(step, learningRate, Math.sqrt(squares));
        allocator.update(step, gradients);
        return new Update(update.loss(), Math.sqrt(squares), update.gradientBytes(), update.activationBytes());
    }

    @Override
    public Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>(adamW.state());
        state.putAll(allocator.state());
        return state;
    }

    /**
     * Adds to the gradients that of weight / n · Σ ‖M Mᵀ − I‖_F over the n matrices Q and Pᵀ (Eq. 4; the paper squares the norm, the authors' code does not).
     *
     * @return the penalty
     */
    static double penalize(Iterable<AdaLora.Triplets> all, double weight, Backend backend) {
        int matrices = 0;
        for (AdaLora.Triplets _ : all) {
            matrices += 2;
        }
        double sum = 0;
        for (AdaLora.Triplets one : all) {
            sum += penalize(one.q(), false, weight / matrices, backend);
            sum += penalize(one.p(), true, weight / matrices, backend);
        }
        return sum;
    }

    /** Of one matrix, whose rows should be orthogonal, or its columns. */
    private static double penalize(Tensor vectors, boolean columns, double weight, Backend backend) {
        Matrix m = vectors.matrix();
        int rank = columns ? m.columns() : m.rows();
        Matrix deviation = Matrix.of(new float[rank * rank], rank, rank);
        backend.multiply(m, columns, m, !columns, deviation, false);
        double squares = 0;
        for (int i = 0; i < rank * rank; i++) {
            deviation.data()[i] -= i / rank == i % rank ? 1 : 0;
            squares += (double) deviation.data()[i] * deviation.data()[i];
        }
        double norm = Math.sqrt(squares);
        if (norm > 0) {
            // d‖M Mᵀ − I‖ / dM = 2 (M Mᵀ − I) M / ‖M Mᵀ − I‖
            for (int i = 0; i < rank * rank; i++) {
                deviation.data()[i] *= (float) (2 * weight / norm);
            }
            Matrix gradient = vectors.gradientForAdding().matrix();
            if (columns) {
                backend.multiply(m, false, deviation, false, gradient, true);
            } else {
                backend.multiply(deviation, false, m, false, gradient, true);
            }
        }
        return weight * norm;
    }
}
