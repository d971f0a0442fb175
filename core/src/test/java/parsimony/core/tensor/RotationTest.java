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
            rotation.apply(unit, 1);
            assertThat(unit[0]).isZero();
            assertThat(unit[size + 1]).isZero();
            for (int j = 0; j < size; j++) {
                rows[i][j] = unit[j + 1];
            }
            rotation.applyTransposed(unit, 1);
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
        new Rotation(size, hadamard, 5).apply(spike, 0);
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
        new Rotation(8, hadamard, 1).apply(first, 0);
        new Rotation(8, hadamard, 1).apply(second, 0);
        new Rotation(8, hadamard, 2).apply(third, 0);
        assertThat(second).containsExactly(first);
        assertThat(third).isNotEqualTo(first);
    }
}
