package parsimony.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.ModelFormatException;
import parsimony.core.autograd.Tape;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;
import parsimony.core.train.FineTuner;
import parsimony.core.train.Tuning;
import tools.jackson.databind.JsonNode;

class LoraTest extends FineTunerContract<Lora.Options> {
    @Override
    protected FineTuner<Lora.Options> technique() {
        return new Lora();
    }

    @Override
    protected Lora.Options options() {
        return new Lora.Options(2, 4, 0, Targets.parse("all"));
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("rank=0", "alpha=0", "dropout=1", "targets=x", "targets=q/");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void mergesAsTheOfficialCode(boolean merged) {
        JsonNode official = Official.NUMBERS.get("lora");
        Linear linear = new Linear("layer", new TensorStorage(Official.tensor(official.get("W"))), null);
        Tensor a = Official.tensor(official.get("A"));
        Tensor b = Official.tensor(official.get("B"));
        linear.setAdapter(new LowRankAdapter(a, b, official.get("scaling").floatValue(), 0, 0));
        if (merged) {
            linear.setWeight(linear.adapter().merged(linear.weight()));
            linear.setAdapter(null);
            assertThat(linear.weight().decode().array())
                    .containsExactly(Official.floats(official.get("W_merged")), Offset.offset(1e-6f));
        }
        ForwardContext context = ForwardContext.batch(ops, new int[0], 1);
        assertThat(linear.forward(context, Official.tensor(official.get("x"))).array())
                .containsExactly(Official.floats(official.get("y_unmerged")), Offset.offset(1e-5f));
    }

    /** The authors adapt the first and the last third of a matrix of queries, keys and values, which here are matrices of their own. */
    @Test
    void adaptsPartsOfAFusedMatrixAsTheOfficialCode() {
        JsonNode official = Official.NUMBERS.get("merged_linear");
        float[] a = Official.floats(official.get("A"));
        float[] b = Official.floats(official.get("B"));
        float[] w = Official.floats(official.get("W"));
        float[] expected = Official.floats(official.get("W_merged"));
        int inputs = w.length / 12;
        for (int part = 0; part < 3; part++) {
            WeightStorage third = new TensorStorage(slice(w, part * 4, 4, inputs));
            int adapted = part / 2;
            WeightStorage result = part == 1
                    ? third
                    : new LowRankAdapter(
                                    slice(a, adapted * 2, 2, inputs),
                                    slice(b, adapted * 4, 4, 2),
                                    official.get("scaling").floatValue(),
                                    0,
                                    0)
                            .merged(third);
            assertThat(result.decode().array())
                    .containsExactly(slice(expected, part * 4, 4, inputs).array(), Offset.offset(1e-6f));
        }
    }

    /** An embedding is adapted by Bᵀ and Aᵀ: its rows are what a matrix' columns are. */
    @Test
    void adaptsAnEmbeddingAsTheOfficialCode() {
        JsonNode official = Official.NUMBERS.get("embedding");
        LowRankAdapter adapter = new LowRankAdapter(
                transposed(Official.tensor(official.get("B"))),
                transposed(Official.tensor(official.get("A"))),
                official.get("scaling").floatValue(),
                0,
                0);
        WeightStorage table = new TensorStorage(Official.tensor(official.get("W")));
        assertThat(adapter.merged(table).decode().array())
                .containsExactly(Official.floats(official.get("W_merged")), Offset.offset(1e-5f));
    }

    private static Tensor slice(float[] all, int firstRow, int rows, int columns) {
        return Tensor.of(Arrays.copyOfRange(all, firstRow * columns, (firstRow + rows) * columns), rows, columns);
    }

    private static Tensor transposed(Tensor x) {
        Tensor y = Tensor.zeros(x.columns(), x.rows());
        for (int i = 0; i < x.size(); i++) {
            y.array()[i % x.columns() * x.rows() + i / x.columns()] = x.array()[i];
        }
        return y;
    }

    @Test
    void adaptsWhatItIsTold() {
        Tuning tuning = technique()
                .prepare(
                        base(),
                        new Lora.Options(3, 4, 0, Targets.parse("q/v")),
                        new FineTuner.Setup(BACKEND, training(2), 5));
        assertThat(tuning.parameters().keySet())
                .containsExactlyInAnyOrderElementsOf(List.of("0", "1").stream()
                        .flatMap(layer -> List.of("q", "v").stream()
                                .flatMap(part -> List.of("A", "B").stream()
                                        .map(half -> "base_model.model.model.layers." + layer + ".self_attn." + part
                                                + "_proj.lora_" + half + ".weight")))
                        .toList());
        assertThat(tuning.trainableParameters()).isEqualTo(2 * (3 * (16 + 16) + 3 * (16 + 8)));
    }

    @Test
    void leavesOutAsManyInputsAsItIsToldAndTheSameOnesForTheSameText() {
        LowRankAdapter adapter = new LowRankAdapter(ones(1, 1000), ones(1, 1), 1, 0.3, 9);
        Tensor x = ones(1, 1000);
        float[] sums = new float[3];
        for (int i = 0; i < sums.length; i++) {
            ForwardContext context = ForwardContext.batch(ops, new int[] {i / 2}, 1);
            sums[i] = new Tape()
                    .record(() -> adapter.output(context, x, Tensor.zeros(1, 1)))
                    .array()[0];
        }
        assertThat(sums[0]).isCloseTo(1000, within(100f)).isEqualTo(sums[1]).isNotEqualTo(sums[2]);
        ForwardContext context = ForwardContext.batch(ops, new int[] {0}, 1);
        assertThat(adapter.output(context, x, Tensor.zeros(1, 1)).array()[0]).isEqualTo(1000);
    }

    private static Tensor ones(int... shape) {
        Tensor tensor = Tensor.zeros(shape);
        Arrays.fill(tensor.array(), 1);
        return tensor;
    }

    @Test
    void anAdapterOfAnotherModelIsRefused(@TempDir Path folder) throws IOException {
        prepare(2).adapter().orElseThrow().write(folder);
        TransformerConfig wider =
                new TransformerConfig(24, 20, 20, 2, 5, 5, 4, 32, 1e-5f, CONFIG.rope(), true, false, 1, 2);
        Transformer other = Transformer.random(wider, 3).frozen();
        assertThatThrownBy(() -> FineTuner.attach(other, folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("q_proj.lora_A.weight")
                .hasMessageContaining("another model");
        assertThatThrownBy(() -> FineTuner.attach(other, folder.resolve("none")))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("adapter_model.safetensors");
    }
}
