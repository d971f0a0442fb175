package parsimony.core.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.DoubleSupplier;
import org.assertj.core.data.Offset;

/** Gradients as the difference of two losses, to check the ones that are computed. */
public final class FiniteDifferences {
    private FiniteDifferences() {}

    /** The gradient of {@code loss} with respect to {@code x}, element by element, which is changed and put back. */
    public static double[] gradient(float[] x, double step, DoubleSupplier loss) {
        double[] gradient = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            float kept = x[i];
            float above = (float) (kept + step);
            float below = (float) (kept - step);
            x[i] = above;
            double high = loss.getAsDouble();
            x[i] = below;
            double low = loss.getAsDouble();
            x[i] = kept;
            gradient[i] = (high - low) / ((double) above - below);
        }
        return gradient;
    }

    /** The gradient of {@code loss} with respect to {@code x}, where numbers are doubles. */
    public static double[] gradient(double[] x, double step, DoubleSupplier loss) {
        double[] gradient = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double kept = x[i];
            x[i] = kept + step;
            double high = loss.getAsDouble();
            x[i] = kept - step;
            double low = loss.getAsDouble();
            x[i] = kept;
            gradient[i] = (high - low) / (2 * step);
        }
        return gradient;
    }

    /** Checks that two gradients differ by at most {@code tolerance} of the largest element, everywhere. */
    public static void assertClose(String what, float[] actual, double[] expected, double tolerance) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(largest).as("the gradient of " + what + " says nothing").isPositive();
        double[] numbers = new double[actual.length];
        for (int i = 0; i < actual.length; i++) {
            numbers[i] = actual[i];
        }
        assertThat(numbers).as("gradient of " + what).containsExactly(expected, Offset.offset(tolerance * largest));
    }
}
