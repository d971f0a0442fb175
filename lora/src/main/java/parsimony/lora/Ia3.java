package parsimony.lora;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import parsimony.core.ModelFormatException;
import parsimony.core.io.AdapterFile;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.technique.Paper;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * (IA)³: Infused Adapter by Inhibiting and Amplifying Inner Activations. Three vectors a block, one at first, multiply the keys, the values and what the last matrix of
 * the feed-forward network reads (Section 3.3): softmax(q (l_k ∘ k)ᵀ) (l_v ∘ v), and W_down (l_ff ∘ γ(W_gate x) ∘ W_up x). A vector can be merged into its matrix.
 *
 * <p>The paper was trained with Adafactor and two losses beside the likelihood, for few examples of a task; here it is AdamW and the likelihood alone.
 */
@Paper(survey = 71)
public final class Ia3 extends LinearTuner<Ia3.Options> {
    private static final String PART = "ia3_l";
    private static final Targets TARGETS = Targets.parse("k/v/down");

    /** There is nothing to choose. */
    public record Options() {}

    @Override
    public String name() {
        return "ia3";
    }

    @Override
    public String idea() {
        return "Three learned vectors in each layer make its keys, values and inner activations larger or "
                + "smaller, and the model itself is frozen. A few thousand numbers are trained, for which "
                + "gradients and optimizer take almost no memory.";
    }

    @Override
    public Options defaults() {
        return new Options();
    }

    @Override
    public double learningRate() {
        return 3e-2;
    }

    @Override
    public String adapterType() {
        return "IA3";
    }

    @Override
    Targets targets(Options options) {
        return TARGETS;
    }

    @Override
    TunedAdapter begin(Linear linear, Options options, SplittableRandom random) {
        Tensor factors = isFeedForward(linear) ? Tensor.zeros(1, linear.inputs()) : Tensor.zeros(linear.outputs(), 1);
        Arrays.fill(factors.array(), 1);
        factors.setTrainable(true);
        return isFeedForward(linear) ? new OfInput(factors) : new OfOutput(factors);
    }

    @Override
    TunedAdapter read(Linear linear, AdapterFile file) throws ModelFormatException {
        String name = name(linear.name(), PART);
        return isFeedForward(linear)
                ? new OfInput(file.tensor(name, 1, linear.inputs()))
                : new OfOutput(file.tensor(name, linear.outputs(), 1));
    }

    private static boolean isFeedForward(Linear linear) {
        return linear.name().endsWith("down_proj");
    }

    @Override
    Map<String, Object> configuration(Options options) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("feedforward_modules", List.of("down_proj"));
        config.put("fan_in_fan_out", false);
        return config;
    }

    /** l ∘ (W x): the matrix' rows are multiplied. */
    private record OfOutput(Tensor factors) implements TunedAdapter {
        @Override
        public Tensor output(ForwardContext context, Tensor x, Tensor y) {
            return context.ops().scaleColumns(y, factors);
        }

        @Override
        public WeightStorage merged(WeightStorage frozen) {
            Tensor weights = frozen.decode();
            for (int i = 0; i < weights.size(); i++) {
                weights.array()[i] *= factors.array()[i / weights.columns()];
            }
            return TunedAdapter.dense(weights);
        }

        @Override
        public Map<String, Tensor> tensors() {
            return Map.of(PART, factors);
        }
    }

    /** W (l ∘ x): the matrix' columns are multiplied. */
    private record OfInput(Tensor factors) implements TunedAdapter {
        @Override
        public Tensor input(ForwardContext context, Tensor x) {
            return context.ops().scaleColumns(x, factors);
        }

        @Override
        public WeightStorage merged(WeightStorage frozen) {
            Tensor weights = frozen.decode();
            for (int i = 0; i < weights.size(); i++) {
                weights.array()[i] *= factors.array()[i % weights.columns()];
            }
            return TunedAdapter.dense(weights);
        }

        @Override
        public Map<String, Tensor> tensors() {
            return Map.of(PART, factors);
        }
    }
}
