package parsimony.core.backend.vector;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorMathTest {
    private static final float UNTOUCHED = 12345;

    /** The exponentials of values that are a part of an array, having checked that only that part is written. */
    private static float[] exponentials(float... values) {
        float[] x = new float[values.length + 5];
        Arrays.fill(x, UNTOUCHED);
        System.arraycopy(values, 0, x, 3, values.length);
        float onlySum = VectorMath.sumOfExponentials(x, 3, values.length, 0);
        float sum = VectorMath.exponentials(x, 3, values.length, 0);
        assertThat(sum).isEqualTo(Float.valueOf(onlySum));
        assertThat(Arrays.copyOf(x, 3)).containsOnly(UNTOUCHED);
        assertThat(Arrays.copyOfRange(x, values.length + 3, x.length)).containsOnly(UNTOUCHED);
        return Arrays.copyOfRange(x, 3, values.length + 3);
    }

    private static float[] random(int count, float bound, long seed) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat(-bound, bound);
        }
        return values;
    }

    private static void assertWithinUlps(float actual, double exact, double ulps) {
        assertThat((double) actual).isCloseTo(exact, within(ulps * Math.ulp((float) exact)));
    }

    @Test
    void expIsWithinTwoUnitsInTheLastPlace() {
        float[] x = new float[200_001];
        for (int i = 0; i < x.length; i++) {
            x[i] = (i - 106_000) * 0.00095f;
        }
        float[] y = exponentials(x);
        for (int i = 0; i < x.length; i++) {
            double exact = Math.exp(x[i]);
            if (exact <= Float.MAX_VALUE) {
                assertWithinUlps(y[i], exact, 2);
            } else {
                assertThat(y[i]).isEqualTo(Float.POSITIVE_INFINITY);
            }
        }
    }

    @Test
    void expOfTheExtremes() {
        float[] y = exponentials(
                0,
                -0f,
                Float.NEGATIVE_INFINITY,
                -1e30f,
                -200,
                -104,
                Float.POSITIVE_INFINITY,
                1e30f,
                89,
                Float.NaN,
                Float.MIN_VALUE);
        float infinity = Float.POSITIVE_INFINITY;
        assertThat(y).containsExactly(1, 1, 0, 0, 0, 0, infinity, infinity, infinity, Float.NaN, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7, 15, 16, 17, 33, 100})
    void exponentialsAreSummedWithTheirTail(int count) {
        float[] x = random(count, 5, count);
        double sum = 0;
        for (float value : x) {
            sum += Math.exp((double) value - 2);
        }
        assertThat((double) VectorMath.sumOfExponentials(x, 0, count, 2)).isCloseTo(sum, within(1e-6 * sum));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7, 15, 16, 17, 33, 100})
    void siluAgreesWithDoubleWhereverAnElementStands(int count) {
        float[] x = random(count, 30, count);
        x[0] = -1000;
        float[] y = new float[count];
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        RowKernels.swiGlu(x, ones, y, 0, count);
        float[] single = new float[1];
        for (int i = 0; i < count; i++) {
            assertWithinUlps(y[i], x[i] / (1 + Math.exp(-(double) x[i])), 4);
            RowKernels.swiGlu(new float[] {x[i]}, ones, single, 0, 1);
            assertThat(single[0]).isEqualTo(y[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 7, 15, 16, 17, 31, 63, 64, 65, 100, 257, 1000})
    void sumsAgreeWithDouble(int count) {
        float[] a = random(count + 3, 1, 1);
        float[] b = random(count + 5, 1, 2);
        double dot = 0;
        for (int i = 0; i < count; i++) {
            dot += (double) a[3 + i] * b[5 + i];
        }
        double tolerance = 1e-6 * (1 + Math.sqrt(count));
        assertThat((double) VectorMath.dot(a, 3, b, 5, count)).isCloseTo(dot, within(tolerance));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 15, 16, 17, 100})
    void addScaledAndScaleWriteTheirRangeOnly(int count) {
        float[] x = random(count + 2, 1, 3);
        float[] before = random(count + 4, 1, 4);
        float[] y = before.clone();
        VectorMath.addScaled(0.5f, x, 2, y, 1, count);
        for (int i = 0; i < y.length; i++) {
            float expected = i >= 1 && i < count + 1 ? Math.fma(0.5f, x[i + 1], before[i]) : before[i];
            assertThat(y[i]).isEqualTo(expected);
        }
        float[] scaled = before.clone();
        VectorMath.scale(3, scaled, 1, count);
        for (int i = 0; i < y.length; i++) {
            assertThat(scaled[i]).isEqualTo(i >= 1 && i < count + 1 ? 3 * before[i] : before[i]);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 16, 17, 33, 100, 1000})
    void softmaxAgreesWithDouble(int count) {
        float[] x = random(count + 2, 20, count);
        x[count / 2] = Float.NEGATIVE_INFINITY;
        x[count] = 100; // Exponentials overflow unless the greatest value is taken off first.
        float[] y = x.clone();
        float logSum = VectorMath.softmax(y, 1, count);
        double sum = 0;
        for (int i = 1; i <= count; i++) {
            sum += Math.exp(x[i] - 100.0);
        }
        for (int i = 1; i <= count; i++) {
            assertThat((double) y[i]).isCloseTo(Math.exp(x[i] - 100.0) / sum, within(1e-6));
        }
        assertThat((double) logSum).isCloseTo(100 + Math.log(sum), within(1e-5));
        assertThat(y[0]).isEqualTo(x[0]);
        assertThat(y[count + 1]).isEqualTo(x[count + 1]);
    }

    @Test
    void softmaxOfNothingVisibleIsZero() {
        float[] x = new float[20];
        Arrays.fill(x, Float.NEGATIVE_INFINITY);
        assertThat(VectorMath.softmax(x, 0, 20)).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(x).containsOnly(0);
    }

    @Test
    void maxFindsItAnywhereAndKeepsNotANumber() {
        for (int count : new int[] {1, 16, 37}) {
            for (int at = 0; at < count; at++) {
                float[] x = random(count, 1, at);
                x[at] = 2;
                assertThat(VectorMath.max(x, 0, count)).isEqualTo(2);
                x[at] = Float.NaN;
                assertThat(VectorMath.max(x, 0, count)).isNaN();
            }
        }
        assertThat(VectorMath.max(new float[0], 0, 0)).isEqualTo(Float.NEGATIVE_INFINITY);
    }
}
