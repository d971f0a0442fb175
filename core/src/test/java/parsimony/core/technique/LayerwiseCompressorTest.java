package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.InputGroup;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.ScaledInputStorage;
import parsimony.core.tensor.SparseGridStorage;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class LayerwiseCompressorTest {
    private static final int HIDDEN = 16;
    private static final int[] FIRST = {3, 1, 4, 1, 5};
    private static final int[] SECOND = {9, 2, 6};

    private final Backend backend = new ScalarBackend();
    private final Ops ops = new Ops(backend);
    private final Transformer model = model(1);
    private final TechniqueContext context =
            TechniqueContext.of(backend).withCalibration(List.of(FIRST, new int[0], SECOND));

    private static Transformer model(int keyValueHeads) {
        return Transformer.random(
                new TransformerConfig(
                        10,
                        HIDDEN,
                        24,
                        2,
                        2,
                        keyValueHeads,
                        8,
                        32,
                        1e-5f,
                        new TransformerConfig.RopeConfig(10000, false, null),
                        true,
                        false,
                        -1,
                        -1),
                1);
    }

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
    void samplesInputsEvenly() {
        InputStatistics statistics = tasks(Statistic.INPUTS, false)
                .get("model.layers.0.self_attn.q_proj")
                .statistics();
        Tensor sample = statistics.sampledInputs(3);
        assertThat(sample.shape()).containsExactly(4, HIDDEN);
        for (int i = 0; i < 4; i++) {
            assertThat(Arrays.copyOfRange(sample.array(), i * HIDDEN, (i + 1) * HIDDEN))
                    .containsExactly(
                            Arrays.copyOfRange(statistics.inputs().array(), 2 * i * HIDDEN, (2 * i + 1) * HIDDEN));
        }
        assertThat(statistics.sampledInputs(100).array())
                .containsExactly(statistics.inputs().array());
    }

    @Test
    void theLossOfAMatrixAloneIsThatOfItsOutputs() {
        Linear linear = model(2).linears().getFirst();
        InputGroup alone = InputGroup.of(linear);
        InputGroup byOutputs = new InputGroup(
                alone.consumers(), alone.source(), null, (text, index, x) -> linear.forward(text.ops(), x));
        double expected =
                InputGroups.task(byOutputs, expectedInputs(FIRST), context).loss(Tensor::zerosLike);
        assertThat(InputGroups.task(alone, expectedInputs(FIRST), context).loss(Tensor::zerosLike))
                .isCloseTo(expected, within(1e-5 * expected));
    }

    @Test
    void statisticsAreThoseOfTheInputs() {
        String layer = "model.layers.1.mlp.down_proj";
        InputStatistics whole = tasks(Statistic.INPUTS, false).get(layer).statistics();
        Tensor inputs = whole.inputs();
        double[] maximum =
                tasks(Statistic.ABSOLUTE_MAXIMUM, false).get(layer).statistics().absoluteMaximum();
        double[] mean =
                tasks(Statistic.MEAN_ABSOLUTE, false).get(layer).statistics().meanAbsolute();
        double[] squares =
                tasks(Statistic.SQUARED_NORM, false).get(layer).statistics().squaredNorm();
        Tensor hessian = tasks(Statistic.HESSIAN, false).get(layer).statistics().hessian();
        assertThat(whole.absoluteMaximum()).containsExactly(maximum);
        assertThat(whole.meanAbsolute()).containsExactly(mean);
        assertThat(whole.squaredNorm()).containsExactly(squares);
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
    void leavesOutTheCodesOfWhatWasPruned() {
        Tensor weights = model.linears().get(2).weight().decode();
        for (int i = 0; i < weights.size(); i++) {
            weights.array()[i] *= i % 3 == 0 ? 1 : 0;
        }
        model.linears().get(2).setWeight(SparseStorage.of(DataType.F32, weights));
        List<Linear> result = new Quantizer().apply(model, new None(), context).linears();
        assertThat(result.get(1).weight()).isInstanceOf(GridStorage.class);
        assertThat(result.get(2).weight()).isInstanceOf(SparseGridStorage.class);
        assertThat(result.get(2).weight().decode().array()[2]).isZero();
        assertThat(result.get(2).weight().decode().array()[3]).isEqualTo(0.5f);
        assertThat(result.get(2).weight().bytes())
                .isLessThan(result.get(1).weight().bytes());
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

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void balancingMatricesAgainstWhatFeedsThemChangesNothing(int keyValueHeads) {
        Transformer original = model(keyValueHeads);
        ForwardContext text = ForwardContext.batch(ops, FIRST, FIRST.length);
        float[] expected = original.forward(text).array();
        Balancer balancer = new Balancer();
        Transformer result = balancer.apply(original, new None(), context);
        float[] actual = result.forward(text).array();
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(1e-5f));
        }
        assertThat(original.forward(text).array()).containsExactly(expected);
        // One value head feeds both heads of the output matrix, which is left alone then.
        assertThat(balancer.groups).hasSize(keyValueHeads == 1 ? 6 : 8);
        Linear query = result.linears().getFirst();
        assertThat(query.weight().decode().array())
                .isNotEqualTo(original.linears().getFirst().weight().decode().array());
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void balancedStatisticsAreThoseOfTheBalancedModel(Statistic statistic) {
        Transformer original = model(2);
        Map<String, LinearTask> predicted = new LinkedHashMap<>();
        Balancer balancer = new Balancer(statistic, predicted);
        Transformer balanced = balancer.apply(original, new None(), context);
        Map<String, LinearTask> seen = new LinkedHashMap<>();
        new Recorder(statistic, false, seen).apply(balanced, new None(), context);
        for (String name : seen.keySet()) {
            double[] expected = numbers(seen.get(name).statistics(), statistic);
            double[] actual = numbers(predicted.get(name).statistics(), statistic);
            for (int i = 0; i < expected.length; i++) {
                assertThat(actual[i]).as(name).isCloseTo(expected[i], within(1e-5 + 1e-4 * Math.abs(expected[i])));
            }
        }
    }

    private static double[] numbers(InputStatistics statistics, Statistic which) {
        return switch (which) {
            case ABSOLUTE_MAXIMUM -> statistics.absoluteMaximum();
            case MEAN_ABSOLUTE -> statistics.meanAbsolute();
            case SQUARED_NORM -> statistics.squaredNorm();
            case HESSIAN -> numbers(statistics.hessian());
            case INPUTS -> numbers(statistics.inputs());
            case NONE -> new double[0];
        };
    }

    private static double[] numbers(Tensor tensor) {
        return IntStream.range(0, tensor.size())
                .mapToDouble(i -> tensor.array()[i])
                .toArray();
    }

    @Test
    void lossIsThatOfThePartOfTheBlock() {
        Balancer balancer = new Balancer(Statistic.INPUTS, new LinkedHashMap<>());
        balancer.apply(model(2), new None(), context);
        assertThat(balancer.unchangedLosses).hasSize(8).allMatch(loss -> loss == 0);
        assertThat(balancer.zeroLosses).hasSize(8).allMatch(loss -> loss > 0);
    }

    @Test
    void aMatrixOnItsOwnIsBalancedAtRunTime() {
        WeightStorage weight =
                new TensorStorage(model(2).linears().getFirst().weight().decode());
        Tensor inputs = expectedInputs(FIRST);
        WeightStorage result = new Balancer(Statistic.INPUTS, new LinkedHashMap<>())
                .compress("alone", weight, inputs, new None(), context);
        assertThat(result).isInstanceOf(ScaledInputStorage.class);
        float[] expected = weight.decode().array();
        float[] actual = result.decode().array();
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within(1e-6f));
        }
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
        public String idea() {
            return "";
        }

        @Override
        public None defaults() {
            return new None();
        }

        @Override
        public List<String> showcase() {
            return List.of("recorder");
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

    /** Makes one half of every weight that was not pruned. */
    private static final class Quantizer extends LayerwiseCompressor<None> {
        @Override
        public String name() {
            return "quantizer";
        }

        @Override
        public String idea() {
            return "";
        }

        @Override
        public None defaults() {
            return new None();
        }

        @Override
        public List<String> showcase() {
            return List.of();
        }

        @Override
        protected WeightStorage compress(LinearTask task, None options) {
            GridStorage.Builder grid = new GridStorage.Builder(task.rows(), task.columns(), 8, -1, true, DataType.F16);
            for (int row = 0; row < task.rows(); row++) {
                grid.setGrid(row, 0, new Grid(8, 0.5f, 128));
                for (int i = 0; i < task.columns(); i++) {
                    boolean zero = task.zeros() != null && task.zeros().get(row * task.columns() + i);
                    grid.setCode(row, i, zero ? 128 : 129);
                }
            }
            return grid.build();
        }
    }

    /** Multiplies the columns of every group by numbers from 1 to 3. */
    private static final class Balancer extends LayerwiseCompressor<None> {
        private final Statistic statistic;
        private final Map<String, LinearTask> tasks;
        private final List<String> groups = new ArrayList<>();
        private final List<Double> unchangedLosses = new ArrayList<>();
        private final List<Double> zeroLosses = new ArrayList<>();

        Balancer() {
            this(Statistic.NONE, new LinkedHashMap<>());
        }

        Balancer(Statistic statistic, Map<String, LinearTask> tasks) {
            this.statistic = statistic;
            this.tasks = tasks;
        }

        @Override
        public String name() {
            return "balancer";
        }

        @Override
        public String idea() {
            return "";
        }

        @Override
        public None defaults() {
            return new None();
        }

        @Override
        public List<String> showcase() {
            return List.of();
        }

        @Override
        protected Statistic statistic(None options) {
            return statistic;
        }

        @Override
        protected float[] balance(InputGroupTask task, None options) {
            groups.add(task.names().getFirst());
            if (statistic == Statistic.INPUTS) {
                unchangedLosses.add(task.loss(weights -> weights));
                zeroLosses.add(task.loss(Tensor::zerosLike));
            }
            float[] factors = new float[task.weights().getFirst().columns()];
            for (int i = 0; i < factors.length; i++) {
                factors[i] = 1 + i % 5 / 2f;
            }
            return factors;
        }

        @Override
        protected WeightStorage compress(LinearTask task, None options) {
            tasks.put(task.name(), task);
            return new TensorStorage(task.weights());
        }
    }
}
