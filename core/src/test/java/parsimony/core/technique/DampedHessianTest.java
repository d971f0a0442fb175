package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.Backend;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.backend.vector.VectorBackend;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;

class DampedHessianTest {
    private final List<String> notes = new ArrayList<>();
    private final Progress listening = new Progress() {
        @Override
        public void update(String what, int done, int total, long bytes) {}

        @Override
        public void note(String message) {
            notes.add(message);
        }
    };

    @ParameterizedTest
    @CsvSource({"1, false", "2, false", "63, false", "64, true", "65, true", "130, false", "200, true", "1150, true"})
    void factorsAndInverts(int size, boolean vector) {
        try (Backend backend = vector ? new VectorBackend(2) : new ScalarBackend()) {
            Tensor hessian = hessian(size, 2 * size + 3, 1);
            DampedHessian damped = DampedHessian.of(hessian.copy(), 0.01, task(backend));
            damped.addDamping(hessian);
            assertThat(notes).isEmpty();
            // Uᵀ · U · H = 1 and R · Rᵀ = H, checked by what they do to a few vectors.
            Tensor factor = damped.factor();
            Tensor inverse = damped.inverseFactor();
            SplittableRandom random = new SplittableRandom(2);
            for (int trial = 0; trial < 3; trial++) {
                double[] x = random.doubles(size, -1, 1).toArray();
                double[] hx = multiply(hessian, x, false, false);
                double[] rrx = multiply(factor, multiply(factor, x, true, true), false, true);
                double[] back = multiply(inverse, multiply(inverse, hx, false, true), true, true);
                for (int i = 0; i < size; i++) {
                    assertThat(rrx[i]).isCloseTo(hx[i], within(1e-5 * norm(hx)));
                    assertThat(back[i]).isCloseTo(x[i], within(2e-3 * norm(x)));
                }
            }
            for (int i = 0; i < size; i++) {
                assertThat(inverse.array()[i * size + i]).isPositive();
                for (int j = 0; j < i; j++) {
                    assertThat(inverse.array()[i * size + j]).isZero();
                }
            }
        }
    }

    @Test
    void aDeadInputCountsAsOneAndIsLeftAlone() {
        Tensor hessian = hessian(5, 20, 3);
        for (int i = 0; i < 5; i++) {
            hessian.array()[2 * 5 + i] = 0;
            hessian.array()[i * 5 + 2] = 0;
        }
        double mean = (1 + hessian.array()[0] + hessian.array()[6] + hessian.array()[18] + hessian.array()[24]) / 5;
        DampedHessian damped = DampedHessian.of(hessian, 0.01, task(new ScalarBackend()));
        assertThat(damped.dead().stream()).containsExactly(2);
        assertThat((double) damped.inverseFactor().array()[12]).isCloseTo(1 / Math.sqrt(1 + 0.01 * mean), within(1e-6));
    }

    @Test
    void ordersInputsByTheirDiagonalAndDeadOnesAsOne() {
        Tensor hessian = Tensor.zeros(4, 4);
        float[] diagonal = {0.5f, 0, 3, 2};
        for (int i = 0; i < 4; i++) {
            hessian.array()[i * 5] = diagonal[i];
        }
        hessian.array()[2] = 7;
        int[] order = DampedHessian.descendingOrder(hessian);
        assertThat(order).containsExactly(2, 3, 1, 0);
        Tensor ordered = DampedHessian.ordered(hessian, order, new ScalarBackend());
        assertThat(ordered.array()[0]).isEqualTo(3);
        assertThat(ordered.array()[3 * 4]).isEqualTo(7);
    }

    /** Fewer samples than inputs: not positive definite at all. */
    @ParameterizedTest
    @ValueSource(ints = {2, 40, 100})
    void dampsMoreWhereThatIsNotEnoughAndSaysSo(int size) {
        DampedHessian damped = DampedHessian.of(hessian(size, 1, 4), 0, task(new ScalarBackend()));
        assertThat(damped.damping()).isPositive();
        assertThat(notes)
                .singleElement()
                .asString()
                .contains("the layer", "not positive definite", "" + damped.damping());
        for (float u : damped.inverseFactor().array()) {
            assertThat(u).isFinite();
        }
    }

    /** No Hessian of inputs, but what a broken sum would be. */
    @Test
    void dampsAnIndefiniteMatrixUntilItIsNot() {
        DampedHessian damped =
                DampedHessian.of(Tensor.of(new float[] {1, -5, -5, 1}, 2, 2), 0.01, task(new ScalarBackend()));
        assertThat(damped.damping()).isEqualTo(10);
        assertThat(notes).hasSize(1);
        float[] r = damped.factor().array();
        assertThat(r[0] * r[0] + r[1] * r[1]).isCloseTo(11, within(1e-5f));
        assertThat(r[1] * r[3]).isCloseTo(-5, within(1e-5f));
    }

    @Test
    void allInputsMayBeDead() {
        DampedHessian damped = DampedHessian.of(Tensor.zeros(70, 70), 0.01, task(new ScalarBackend()));
        assertThat(damped.dead().cardinality()).isEqualTo(70);
        assertThat(damped.inverseFactor().array()[71]).isCloseTo((float) (1 / Math.sqrt(1.01)), within(1e-6f));
    }

    @Test
    void refusesSquaresThatOverflow() {
        Tensor hessian = hessian(3, 9, 5);
        hessian.array()[4] = Float.POSITIVE_INFINITY;
        assertThatThrownBy(() -> DampedHessian.of(hessian, 0.01, task(new ScalarBackend())))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("the layer")
                .hasMessageContaining("too large");
    }

    private LinearTask task(Backend backend) {
        return new LinearTask("the layer", Tensor.zeros(1, 1), null, null, 0, DataType.F32, backend, listening);
    }

    /** 2 Σ x xᵀ of correlated inputs. */
    private static Tensor hessian(int size, int samples, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor x = Tensor.zeros(samples, size);
        for (int n = 0; n < samples; n++) {
            double shared = random.nextGaussian();
            for (int i = 0; i < size; i++) {
                x.array()[n * size + i] = (float) (random.nextGaussian() + 0.3 * shared);
            }
        }
        Tensor result = Tensor.zeros(size, size);
        try (Backend backend = new VectorBackend(2)) {
            backend.multiply(x.matrix(), true, x.matrix(), false, result.matrix(), false);
        }
        for (int i = 0; i < size; i++) {
            for (int j = 0; j <= i; j++) {
                result.array()[i * size + j] *= 2;
                result.array()[j * size + i] = result.array()[i * size + j];
            }
        }
        return result;
    }

    private static double[] multiply(Tensor matrix, double[] x, boolean transposed, boolean upper) {
        int size = x.length;
        double[] y = new double[size];
        for (int i = 0; i < size; i++) {
            for (int j = upper ? i : 0; j < size; j++) {
                y[transposed ? j : i] += matrix.array()[i * size + j] * x[transposed ? i : j];
            }
        }
        return y;
    }

    private static double norm(double[] x) {
        double sum = 0;
        for (double value : x) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }
}
