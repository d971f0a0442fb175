package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.autograd.Tape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Trainer;
import parsimony.core.train.Tuning;
import tools.jackson.databind.JsonNode;

class AdaLoraTest extends FineTunerContract<AdaLora.Options> {
    @Override
    protected FineTuner<AdaLora.Options> technique() {
        return new AdaLora();
    }

    @Override
    protected AdaLora.Options options() {
        return new AdaLora.Options(1, 3, 8, 0.1, 0.3, 2, 0.85, 0.85, 0.1, Targets.parse("all"));
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=0", "initialRank=2", "interval=0", "warmup=1", "beta1=1", "beta2=0", "orthogonality=-1");
    }

    /** Twelve steps of descent on a net of two adapted layers, tanh between them, whose loss is the mean square of what it gives. */
    @Test
    void allocatesRanksAsTheOfficialCode() {
        JsonNode official = Official.NUMBERS.get("adalora");
        Map<String, AdaLora.Triplets> triplets = new LinkedHashMap<>();
        Map<String, Linear> layers = new LinkedHashMap<>();
        for (String layer : List.of("a", "b")) {
            JsonNode init = official.get("init");
            AdaLora.Triplets one = new AdaLora.Triplets(
                    trainable(init.get(layer + ".lora_A")),
                    trainable(init.get(layer + ".lora_E")),
                    trainable(init.get(layer + ".lora_B")),
                    (float) (16 / (4 + 1e-5)));
            Linear linear = new Linear(layer, new TensorStorage(Official.tensor(init.get(layer + ".weight"))), null);
            linear.setAdapter(one);
            triplets.put(layer, one);
            layers.put(layer, linear);
        }
        RankAllocator allocator = new RankAllocator(triplets, new RankAllocator.Schedule(2, 2, 3, 2, 0.85, 0.85, 12));
        ForwardContext context = ForwardContext.batch(ops, new int[0], 1);
        for (JsonNode step : official.get("steps")) {
            int t = step.get("t").asInt();
            Tensor x = Official.tensor(official.get("xs").get(t));
            Tape tape = new Tape();
            Tensor y = tape.record(() ->
                    layers.get("b").forward(context, tanh(layers.get("a").forward(context, x))));
            Tensor dy = y.copy();
            double loss = 0;
            for (int i = 0; i < y.size(); i++) {
                loss += (double) y.array()[i] * y.array()[i] / y.size();
                dy.array()[i] *= 2f / y.size();
            }
            y.setGradient(dy);
            tape.backward();
            double penalty = AdaLoraOptimizer.penalize(triplets.values(), 0.1, BACKEND);
            if (t == 0) {
                assertThat(penalty).isCloseTo(official.get("orth_regu_initial").doubleValue(), within(1e-5));
            }
            assertThat(loss + penalty)
                    .as("loss of step " + t)
                    .isCloseTo(step.get("loss").doubleValue(), within(1e-4));
            Map<Tensor, Tensor> gradients = new IdentityHashMap<>();
            triplets.values()
                    .forEach(one -> one.tensors().values().forEach(tensor -> {
                        gradients.put(tensor, tensor.gradient());
                        BACKEND.addScaled(-0.05f, tensor.gradient(), tensor);
                        tensor.setGradient(null);
                    }));

            OptionalDouble threshold = allocator.update(t, gradients);

            JsonNode expected = step.get("mask_threshold");
            assertThat(threshold.isPresent()).as("masks in step " + t).isEqualTo(!expected.isNull());
            threshold.ifPresent(value -> assertThat(value).isCloseTo(expected.doubleValue(), within(1e-4)));
            triplets.forEach((layer, one) -> {
                assertThat(one.lambda().array())
                        .as(layer + " after step " + t)
                        .containsExactly(Official.floats(step.get("E").get(layer + ".lora_E")), Offset.offset(1e-4f));
                assertThat(allocator
                                .state()
                                .get("importance." + layer + ".lora_E")
                                .array())
                        .containsExactly(
                                Official.floats(step.get("exp_avg_ipt_E").get(layer + ".lora_E")),
                                Offset.offset(1e-4f));
                assertThat(allocator
                                .state()
                                .get("uncertainty." + layer + ".lora_E")
                                .array())
                        .containsExactly(
                                Official.floats(step.get("exp_avg_unc_E").get(layer + ".lora_E")),
                                Offset.offset(1e-4f));
            });
        }
        triplets.forEach((layer, one) -> one.tensors()
                .forEach((part, tensor) -> assertThat(tensor.array())
                        .as(layer + "." + part)
                        .containsExactly(
                                Official.floats(official.get("final").get(layer + "." + part)), Offset.offset(2e-4f))));
    }

    private static Tensor trainable(JsonNode array) {
        return Official.tensor(array).setTrainable(true);
    }

    private static Tensor tanh(Tensor x) {
        Tensor y = x.zerosLike();
        for (int i = 0; i < y.size(); i++) {
            y.array()[i] = (float) Math.tanh(x.array()[i]);
        }
        Ops.onBackward(y, List.of(y), List.of(), dy -> {
            for (int i = 0; i < y.size(); i++) {
                x.gradientForAdding().array()[i] += dy.array()[i] * (1 - y.array()[i] * y.array()[i]);
            }
        });
        return y;
    }

    @Test
    void theBudgetIsMetAtTheEnd() {
        Tuning tuning = prepare(20);
        Trainer trainer = tuning.trainer(FineTunerContract::count);
        while (!trainer.isDone()) {
            trainer.runStep();
        }
        long left = tuning.parameters().entrySet().stream()
                .filter(entry -> entry.getKey().endsWith("lora_E"))
                .mapToLong(entry -> countNonZero(entry.getValue()))
                .sum();
        assertThat(left)
                .isPositive()
                .isLessThanOrEqualTo(tuning.model().linears().size());
    }

    private static long countNonZero(Tensor tensor) {
        return IntStream.range(0, tensor.size())
                .filter(i -> tensor.array()[i] != 0)
                .count();
    }
}
