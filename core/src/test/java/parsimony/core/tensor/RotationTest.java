package parsimony.core.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RotationTest {
    @ParameterizedTest
    @CsvSource({
        "1, false",
        "1, true",
        "2, false",
        "2, true",
        "7, false",
        "7, true",
        "48, false",
        "48, true",
        "64, false",
        "64, true",
        "96, false",
        "96, true",
        "253, false",
        "253, true",
        "256, true"
    })
    void isOrthogonalAndItsTransposeTurnsBack(int size, boolean hadamard) {
        Rotation rotation = new Rotation(size, hadamard, 3);
        double[][] rows = new double[size][size];
        for (int i = 0; i < size; i++) {
            float[] unit = new float[size + 2];
            unit[i + 1] = 1;
            rotation.apply(unit, 1, 1, Rotation.Product.PLAIN);
            assertThat(unit[0]).isZero();
            assertThat(unit[size + 1]).isZero();
            for (int j = 0; j < size; j++) {
                rows[i][j] = unit[j + 1];
            }
            rotation.applyTransposed(unit, 1, 1, Rotation.Product.PLAIN);
            for (int j = 0; j < size; j++) {
                assertThat(unit[j + 1]).isCloseTo(i == j ? 1f : 0f, within(2e-6f));
            }
        }
        for (int i = 0; i < size; i++) {
            for (int j = 0; j <= i; j++) {
                double product = 0;
                for (int k = 0; k < size; k++) {
                    product += rows[i][k] * rows[j][k];
                }
                assertThat(product).isCloseTo(i == j ? 1 : 0, within(2e-6));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"256, false", "256, true", "768, false", "768, true"})
    void spreadsWhatStandsOut(int size, boolean hadamard) {
        float[] spike = new float[size];
        spike[new SplittableRandom(1).nextInt(size)] = 1;
        new Rotation(size, hadamard, 5).apply(spike, 0, 1, Rotation.Product.PLAIN);
        for (float x : spike) {
            // Each of two factors spreads over about √size numbers, normal ones of some four times their deviation at
            // most.
            assertThat(Math.abs(x)).isLessThan((float) (16 / Math.sqrt(size)));
        }
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void isAnotherOneForAnotherSeed(boolean hadamard) {
        float[] first = {1, 2, 3, 4, 5, 6, 7, 8};
        float[] second = first.clone();
        float[] third = first.clone();
        new Rotation(8, hadamard, 1).apply(first, 0, 1, Rotation.Product.PLAIN);
        new Rotation(8, hadamard, 1).apply(second, 0, 1, Rotation.Product.PLAIN);
        new Rotation(8, hadamard, 2).apply(third, 0, 1, Rotation.Product.PLAIN);
        assertThat(second).containsExactly(first);
        assertThat(third).isNotEqualTo(first);
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void turnsManyAsItTurnsOne(boolean hadamard) {
        Rotation rotation = new Rotation(48, hadamard, 1);
        float[] many = new float[1 + 3 * 48];
        for (int i = 0; i < many.length; i++) {
            many[i] = i % 7 - 3;
        }
        float[] one = many.clone();
        rotation.apply(many, 1, 3, Rotation.Product.PLAIN);
        for (int i = 0; i < 3; i++) {
            rotation.apply(one, 1 + i * 48, 1, Rotation.Product.PLAIN);
        }
        assertThat(many).containsExactly(one);
        rotation.applyTransposed(many, 1, 3, Rotation.Product.PLAIN);
        for (int i = 0; i < many.length; i++) {
            assertThat(many[i]).isCloseTo(i % 7 - 3, within(1e-5f));
        }
    }
}
