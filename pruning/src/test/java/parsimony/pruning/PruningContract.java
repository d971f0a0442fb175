package parsimony.pruning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueException;
import parsimony.core.tensor.SparseStorage;
import parsimony.core.tensor.Tensor;

/** What all techniques do that set single weights to zero. */
abstract class PruningContract<O extends Record> extends TechniqueContract<O> {
    private static Tensor random(int rows, int columns, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Tensor tensor = Tensor.zeros(rows, columns);
        for (int i = 0; i < tensor.size(); i++) {
            tensor.array()[i] = (float) random.nextGaussian();
        }
        return tensor;
    }

    private MatrixTrial run(String options, Tensor weights, Tensor inputs) {
        return Official.run(technique().name() + ":" + options, weights, inputs);
    }

    @Test
    void survivesZeroRowsAndDeadInputs() {
        Tensor weights = random(24, 32, 1);
        Arrays.fill(weights.array(), 5 * 32, 7 * 32, 0);
        Tensor inputs = random(64, 32, 2);
        for (int row = 0; row < 64; row++) {
            inputs.array()[row * 32 + 3] = 0;
            inputs.array()[row * 32 + 31] = 0;
        }
        for (String options : new String[] {"sparsity=0.5", "pattern=2:4", "pattern=1:8"}) {
            MatrixTrial trial = run(options, weights, inputs);
            assertThat(trial.error()).as(options).isFinite();
            assertThat(trial.zeros()).as(options).isGreaterThanOrEqualTo(24 * 32 / 2);
        }
        assertThat(run("sparsity=0.5", weights, Tensor.zeros(64, 32)).zeros()).isGreaterThanOrEqualTo(24 * 32 / 2);
    }

    @Test
    void prunesFromNothingToNearlyAll() {
        Tensor weights = random(48, 64, 3);
        Tensor inputs = random(200, 64, 4);
        assertThat(run("sparsity=0,type=f32", weights, inputs).zeros()).isBetween(0L, 1L);
        MatrixTrial most = run("sparsity=0.99,type=f32", weights, inputs);
        assertThat(most.zeros() / (48.0 * 64)).isCloseTo(0.99, within(0.01));
        assertThat(((SparseStorage) most.result()).positions()).isEqualTo(SparseStorage.Positions.NUMBERS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"1:4", "2:4", "3:4", "4:8", "1:2"})
    void keepsNOfEveryM(String pattern) {
        int n = pattern.charAt(0) - '0';
        int m = pattern.charAt(2) - '0';
        Tensor result = run("pattern=" + pattern, random(24, 32, 5), random(100, 32, 6))
                .result()
                .decode();
        for (int i = 0; i < result.size(); i += m) {
            int kept = 0;
            for (int j = i; j < i + m; j++) {
                kept += result.array()[j] == 0 ? 0 : 1;
            }
            assertThat(kept).isEqualTo(n);
        }
    }

    @Test
    void refusesAPatternThatDoesNotDivideTheInputs() {
        assertThatThrownBy(() -> run("pattern=2:4", random(4, 30, 7), random(40, 30, 8)))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("weight has 30 inputs")
                .hasMessageContaining("2:4");
    }

    @Test
    void halfOfTheWeightsInSixteenBitsTakeNineBits() {
        // 64 inputs: 8 bits of values and 1 of the mask, and half a bit for where a row starts.
        double bits = run("pattern=2:4", random(64, 64, 9), random(100, 64, 10)).bitsPerWeight();
        assertThat(bits).isCloseTo(9.5, within(0.01));
        assertThat(run("pattern=2:4,type=f32", random(64, 64, 9), random(100, 64, 10))
                        .bitsPerWeight())
                .isCloseTo(17.5, within(0.01));
    }

    @Test
    void refusesWeightsThatTheirTypeCannotHold() {
        Tensor weights = random(4, 8, 11);
        weights.array()[3] = 1e6f;
        assertThatThrownBy(() -> run("type=f16", weights, random(40, 8, 12)))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("type=bf16");
    }

    @Test
    void asksForNoMoreThanWasPrunedBefore() {
        Tensor weights = random(24, 32, 13);
        Tensor inputs = random(100, 32, 14);
        Tensor once = run("pattern=2:4,type=f32", weights, inputs).result().decode();
        Tensor twice = Official.run(
                        technique().name() + ":pattern=2:4,type=f32+"
                                + technique().name() + ":pattern=2:4,type=f32",
                        weights,
                        inputs)
                .result()
                .decode();
        assertThat(Official.mask(twice)).isEqualTo(Official.mask(once));
    }
}
