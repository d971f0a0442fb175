package parsimony.core.autograd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.PreparedMatrix;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;

/** Every op's gradient against central differences of Σ r · y, where r is random. */
class OpsGradientTest {
    private final Ops ops = new Ops(new ScalarBackend());
    private final SplittableRandom random = new SplittableRandom(7);
    private final Map<String, Tensor> inputs = new LinkedHashMap<>();

    @Test
    void multiply() {
        Tensor x = input("x", 3, 5);
        Tensor weights = input("weights", 4, 5);
        check(() -> ops.multiply(x, weights));
    }

    @Test
    void multiplyLeavesFrozenWeightsAlone() {
        Tensor x = input("x", 3, 5);
        Tensor weights = normal(4, 5);
        check(() -> ops.multiply(x, weights));
        assertThat(weights.gradient()).isNull();
    }

    @Test
    void multiplyByPreparedWeights() {
        Tensor x = input("x", 3, 5);
        PreparedMatrix weights = ops.backend().prepare(DenseStorage.of(DataType.BF16, new TensorStorage(normal(4, 5))));
        check(() -> ops.multiply(x, weights, 4));
    }

    @Test
    void embedAddsUpRepeatedTokens() {
        Tensor table = input("table", 6, 3);
        check(() -> ops.embed(new TensorStorage(table), new int[] {2, 0, 2, 5, 2}));
    }

    @Test
    void addBias() {
        Tensor x = input("x", 3, 4);
        Tensor bias = input("bias", 4);
        check(() -> ops.addBias(identity(x), bias));
    }

    @Test
    void add() {
        Tensor a = input("a", 3, 4);
        Tensor b = input("b", 3, 4);
        check(() -> ops.add(a, b));
    }

    @Test
    void addOfATensorToItself() {
        Tensor a = input("a", 3, 4);
        check(() -> ops.add(a, a));
    }

    @Test
    void addScaled() {
        Tensor a = input("a", 3, 4);
        Tensor b = input("b", 3, 4);
        check(() -> ops.addScaled(a, -0.7f, b));
    }

    @Test
    void addScaledOfATensorToItself() {
        Tensor a = input("a", 3, 4);
        check(() -> ops.addScaled(a, 0.5f, a));
    }

    @Test
    void scaleColumns() {
        Tensor x = input("x", 3, 5);
        Tensor factors = input("factors", 5);
        check(() -> ops.scaleColumns(x, factors));
    }

    @Test
    void scaleColumnsLeavesFrozenFactorsAlone() {
        Tensor x = input("x", 3, 5);
        Tensor factors = normal(5);
        check(() -> ops.scaleColumns(x, factors));
        assertThat(factors.gradient()).isNull();
    }

    @Test
    void residualBranchesShareAnInput() {
        Tensor x = input("x", 3, 4);
        Tensor norm = input("norm", 4);
        Tensor weights = input("weights", 4, 4);
        check(() -> {
            Tensor stream = identity(x);
            Tensor middle = ops.add(stream, ops.multiply(ops.rmsNorm(stream, norm, 1e-5f), weights));
            return ops.add(middle, ops.rmsNorm(middle, norm, 1e-5f));
        });
    }

    @ParameterizedTest
    @ValueSource(floats = {1e-5f, 0.5f})
    void rmsNorm(float epsilon) {
        Tensor x = input("x", 3, 7);
        Tensor weight = input("weight", 7);
        check(() -> ops.rmsNorm(x, weight, epsilon));
    }

    @Test
    void swiGlu() {
        Tensor gate = input("gate", 3, 5);
        Tensor up = input("up", 3, 5);
        check(() -> ops.swiGlu(gate, up));
    }

    @ParameterizedTest
    @CsvSource({"true, 1", "false, 1", "true, 1.3", "false, 1.3"})
    void rotate(boolean interleaved, float scale) {
        Tensor x = input("x", 3, 12);
        Tensor cosines = Tensor.zeros(3, 2);
        Tensor sines = Tensor.zeros(3, 2);
        for (int i = 0; i < 6; i++) {
            double angle = random.nextGaussian();
            cosines.array()[i] = (float) Math.cos(angle) * scale;
            sines.array()[i] = (float) Math.sin(angle) * scale;
        }
        check(() -> ops.rotate(identity(x), 3, new Ops.Rotation(cosines, sines, interleaved)));
    }

    @Test
    void crossEntropy() {
        Tensor x = input("x", 4, 6);
        int[] targets = {3, -1, 0, 5};
        Tape tape = new Tape();
        double loss = tape.record(() -> ops.crossEntropy(identity(x), targets, 0.5f));
        tape.backward();
        double[] expected = FiniteDifferences.gradient(x.array(), 1e-2, () -> ops.crossEntropy(x, targets, 1));
        for (int i = 0; i < expected.length; i++) {
            expected[i] *= 0.5;
        }
        FiniteDifferences.assertClose("x", x.gradient().array(), expected, 2e-3);
        assertThat(Arrays.copyOfRange(x.gradient().array(), 6, 12)).containsOnly(0);

        double byHand = 0;
        for (int row : new int[] {0, 2, 3}) {
            double sum = 0;
            for (int i = 0; i < 6; i++) {
                sum += Math.exp(x.array()[row * 6 + i]);
            }
            byHand += (Math.log(sum) - x.array()[row * 6 + targets[row]]) / 3;
        }
        assertThat(loss).isCloseTo(byHand, within(1e-6));
        assertThat(ops.crossEntropy(x, targets, 1)).isCloseTo(byHand, within(1e-6));
    }

    @Test
    void crossEntropyWithoutTargetsGivesNoGradient() {
        Tensor x = input("x", 2, 3);
        Tape tape = new Tape();
        double loss = tape.record(() -> ops.crossEntropy(identity(x), new int[] {-1, -1}, 1));
        tape.backward();
        assertThat(loss).isZero();
        assertThat(x.gradientForAdding().array()).containsOnly(0);
    }

    @Test
    void gradientsAddUpOverPasses() {
        Tensor x = input("x", 2, 3);
        Tensor weights = input("weights", 2, 3);
        Tensor upstream = normal(2, 2);
        pass(() -> ops.multiply(x, weights), upstream);
        float[] once = weights.gradient().array().clone();
        pass(() -> ops.multiply(x, weights), upstream);
        for (int i = 0; i < once.length; i++) {
            assertThat(weights.gradient().array()[i]).isEqualTo(2 * once[i]);
        }
    }

    @Test
    void whatSeveralStepsReadIsSavedOnceAndWhatNoneReadsIsNot() {
        Tensor x = input("x", 2, 3);
        Tensor first = input("first", 4, 3);
        Tensor second = input("second", 4, 3);
        Tensor frozen = normal(5, 4);
        Tape tape = new Tape();
        tape.record(() -> ops.multiply(ops.add(ops.multiply(x, first), ops.multiply(x, second)), frozen));
        assertThat(tape.savedBytes()).isEqualTo(4L * x.size());
    }

    @Test
    void aGradientIsCompleteOnceTheLastStepHasAddedToIt() {
        Tensor x = input("x", 2, 4);
        Tensor shared = input("shared", 4, 4);
        Tensor alone = input("alone", 4, 4);
        Tensor unused = input("unused", 4, 4);
        Tape tape = new Tape();
        Tensor y = tape.record(() -> {
            ops.multiply(x, unused);
            return ops.multiply(ops.multiply(ops.multiply(x, shared), alone), shared);
        });
        y.setGradient(normal(2, 4));
        List<Tensor> complete = new ArrayList<>();
        tape.backward(parameter -> {
            complete.add(parameter);
            parameter.setGradient(null);
        });
        assertThat(complete).containsExactly(alone, shared);
    }

    @Test
    void nothingIsRecordedWithoutATape() {
        Tape tape = new Tape();
        ops.multiply(normal(2, 3), normal(2, 3));
        assertThat(Tape.isOpen()).isFalse();
        assertThat(tape.savedBytes()).isZero();
    }

    /** A copy that hands its gradient on, for ops that work in place. */
    private Tensor identity(Tensor x) {
        Tensor y = x.copy();
        Ops.onBackward(y, List.of(), List.of(), dy -> ops.backend().add(dy, x.gradientForAdding()));
        return y;
    }

    private void check(Supplier<Tensor> forward) {
        Tensor shape = forward.get();
        Tensor upstream = normal(shape.shape());
        pass(forward, upstream);
        inputs.forEach((name, x) -> {
            double[] expected = FiniteDifferences.gradient(x.array(), 5e-3, () -> {
                float[] y = forward.get().array();
                double sum = 0;
                for (int i = 0; i < y.length; i++) {
                    sum += (double) y[i] * upstream.array()[i];
                }
                return sum;
            });
            FiniteDifferences.assertClose(name, x.gradient().array(), expected, 1e-3);
        });
    }

    private static void pass(Supplier<Tensor> forward, Tensor upstream) {
        Tape tape = new Tape();
        Tensor y = tape.record(forward);
        y.setGradient(upstream.copy());
        tape.backward();
        assertThat(y.gradient()).as("the gradient of an activation is let go").isNull();
    }

    private Tensor input(String name, int... shape) {
        Tensor tensor = normal(shape).setTrainable(true);
        inputs.put(name, tensor);
        return tensor;
    }

    private Tensor normal(int... shape) {
        Tensor tensor = Tensor.zeros(shape);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return tensor;
    }
}
