package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class LayerwiseCompressorTest {
    private static final int HIDDEN = 16;
    private static final int[] FIRST = {3, 1, 4, 1, 5};
    private static final int[] SECOND = {9, 2, 6};

    private final Backend backend = new ScalarBackend();
    private final Ops ops = new Ops(backend);
    private final Transformer model = Transformer.random(
            new TransformerConfig(
                    10,
                    HIDDEN,
                    24,
                    2,
                    2,
                    1,
                    8,
                    32,
                    1e-5f,
                    new TransformerConfig.RopeConfig(10000, false, null),
                    true,
                    false,
                    -1,
                    -1),
            1);
    private final TechniqueContext context =
            TechniqueContext.of(backend).withCalibration(List.of(FIRST, new int[0], SECOND));

    @Test
    void givesEachLayerTheInputsItReceives() {
        Tensor[] expected = {expectedInputs(FIRST), expectedInputs(SECOND)};
        for (String name : List.of("q_proj", "k_proj", "v_proj")) {
            LinearTask task = tasks(Statistic.INPUTS, false).get("model.layers.0.self_attn." + name);
            assertThat(task.statistics().inputs().shape()).containsExactly(8, HIDDEN);
            assertThat(Arrays.copyOf(task.statistics().inputs().array(), 5 * HIDDEN))
                    .containsExactly(expected[0].array());
            assertThat(Arrays.copyOfRange(task.statistics().inputs().array(), 5 * HIDDEN, 8 * HIDDEN))
                    .containsExactly(expected[1].array());
        }
    }

    @Test
    void statisticsAreThoseOfTheInputs() {
        String layer = "model.layers.1.mlp.down_proj";
        Tensor inputs = tasks(Statistic.INPUTS, false).get(layer).statistics().inputs();
        double[] maximum =
                tasks(Statistic.ABSOLUTE_MAXIMUM, false).get(layer).statistics().absoluteMaximum();
        double[] mean =
                tasks(Statistic.MEAN_ABSOLUTE, false).get(layer).statistics().meanAbsolute();
        double[] squares =
                tasks(Statistic.SQUARED_NORM, false).get(layer).statistics().squaredNorm();
        Tensor hessian = tasks(Statistic.HESSIAN, false).get(layer).statistics().hessian();
        for (int i = 0; i < 24; i++) {
            double[] column = new double[inputs.rows()];
            for (int row = 0; row < column.length; row++) {
                column[row] = inputs.matrix().get(row, i);
            }
            assertThat(maximum[i])
                    .isEqualTo(Arrays.stream(column).map(Math::abs).max().orElseThrow());
            assertThat(mean[i])
                    .isCloseTo(Arrays.stream(column).map(Math::abs).average().orElseThrow(), within(1e-12));
            assertThat(squares[i])
                    .isCloseTo(Arrays.stream(column).map(x -> x * x).sum(), within(1e-12));
            assertThat((double) hessian.matrix().get(i, i)).isCloseTo(2 * squares[i], within(1e-6 * squares[i]));
            assertThat(hessian.matrix().get(i, 3)).isEqualTo(hessian.matrix().get(3, i));
        }
    }

    @Test
    void feedsABlockWhatTheCompressedOnesBeforeItGive() {
        String second = "model.layers.1.self_attn.q_proj";
        Tensor untouched =
                tasks(Statistic.INPUTS, false).get(second).statistics().inputs();
        Tensor afterZeros =
                tasks(Statistic.INPUTS, true).get(second).statistics().inputs();
        // A first block of zeros passes the embeddings on.
        assertThat(Arrays.copyOf(afterZeros.array(), 5 * HIDDEN))
                .containsExactly(expectedInputs(FIRST).array());
        assertThat(afterZeros.array()).isNotEqualTo(untouched.array());
    }

    @Test
    void recordsBehindATransformAndPutsItBack() {
        Linear.InputTransform halve = (o, x) -> {
            Tensor y = x.zerosLike();
            o.backend().addScaled(0.5f, x, y);
            return y;
        };
        Linear key = model.blocks().getFirst().linears().get(1);
        Tensor before =
                tasks(Statistic.INPUTS, false).get(key.name()).statistics().inputs();
        key.setTransform(halve);
        Map<String, LinearTask> tasks = new LinkedHashMap<>();
        Transformer result = new Recorder(Statistic.INPUTS, false, tasks).apply(model, new None(), context);
        assertThat(tasks.get(key.name()).statistics().inputs().array()[5]).isEqualTo(before.array()[5] / 2);
        assertThat(result.linears().get(1).transform()).isSameAs(halve);
        assertThat(result.linears().get(0).transform()).isNull();
    }

    @Test
    void reportsProgressAndMemory() {
        List<String> seen = new ArrayList<>();
        List<Long> memory = new ArrayList<>();
        Progress progress = (what, done, total, bytes) -> {
            seen.add(done + "/" + total + " " + what);
            memory.add(bytes);
        };
        new Recorder(Statistic.HESSIAN, false, new LinkedHashMap<>())
                .apply(model, new None(), context.withProgress(progress));
        assertThat(seen).hasSize(14).startsWith("1/14 model.layers.0.self_attn.q_proj");
        // Hidden states of 8 tokens and three matrices of products: one shared by q, k and v, one by gate and up.
        long products = 4L * (HIDDEN * HIDDEN * 3 + 24 * 24);
        assertThat(memory).containsOnly(4L * 8 * HIDDEN + products);
    }

    @Test
    void refusesWhatIsNotFinite() {
        ((TensorStorage) model.embedding()).tensor().array()[3 * HIDDEN] = Float.NaN;
        assertThatThrownBy(() -> tasks(Statistic.HESSIAN, false))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("model.layers.0.self_attn.q_proj receives NaN from the calibration data, which must be "
                        + "finite");
        Linear down = model.linears().get(6);
        down.setWeight(new TensorStorage(down.weight().decode()));
        ((TensorStorage) down.weight()).tensor().array()[0] = Float.POSITIVE_INFINITY;
        assertThatThrownBy(() -> tasks(Statistic.NONE, false))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("model.layers.0.mlp.down_proj holds the weight Infinity, which cannot be compressed");
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void needsTextOnlyWhereItLooksAtInputs(Statistic statistic) {
        TechniqueContext silent = TechniqueContext.of(backend);
        new Recorder(Statistic.NONE, false, new LinkedHashMap<>()).apply(model, new None(), silent);
        Recorder recorder = new Recorder(statistic, false, new LinkedHashMap<>());
        assertThatThrownBy(() -> recorder.apply(model, new None(), silent))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("recorder needs calibration text, and none was given");
        assertThatThrownBy(() -> recorder.compress("w", model.embedding(), null, new None(), silent))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("recorder needs inputs of the layer, and none were given");
    }

    @Test
    void aStatisticThatWasNotCollectedIsNotMadeUp() {
        LinearTask task =
                tasks(Statistic.SQUARED_NORM, false).values().iterator().next();
        assertThatThrownBy(() -> task.statistics().hessian()).isInstanceOf(IllegalStateException.class);
    }

    private Tensor expectedInputs(int[] text) {
        Tensor embedded = model.embed(ForwardContext.batch(ops, text, text.length));
        Tensor ones = Tensor.zeros(HIDDEN);
        Arrays.fill(ones.array(), 1);
        return ops.rmsNorm(embedded, ones, 1e-5f);
    }

    private Map<String, LinearTask> tasks(Statistic statistic, boolean zero) {
        Map<String, LinearTask> tasks = new LinkedHashMap<>();
        new Recorder(statistic, zero, tasks).apply(model, new None(), context);
        return tasks;
    }

    private record None() {}

    /** Remembers what it was asked to compress; returns the same weights or zeros. */
    private static final class Recorder extends LayerwiseCompressor<None> {
        private final Statistic statistic;
        private final boolean zero;
        private final Map<String, LinearTask> tasks;

        Recorder(Statistic statistic, boolean zero, Map<String, LinearTask> tasks) {
            this.statistic = statistic;
            this.zero = zero;
            this.tasks = tasks;
        }

        @Override
        public String name() {
            return "recorder";
        }

        @Override
        public None defaults() {
            return new None();
        }

        @Override
        public List<String> showcase() {
            return List.of("");
        }

        @Override
        protected Statistic statistic(None options) {
            return statistic;
        }

        @Override
        protected WeightStorage compress(LinearTask task, None options) {
            tasks.put(task.name(), task);
            return new TensorStorage(zero ? task.weights().zerosLike() : task.weights());
        }
    }
}
