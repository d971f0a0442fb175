package parsimony.core.io;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Rope;
import parsimony.core.model.TransformerConfig.Llama3Scaling;

/**
 * Finds Llama 3's rule again in the divisors that it gave. Between the two thresholds, what is kept of a
 * frequency is linear in the frequency: kept = slope · frequency + shift; two pairs tell the line.
 */
final class RopeScalingFit {
    private static final double TOLERANCE = 1e-4;
    private static final MathContext DIGITS = new MathContext(6);

    private final double[] frequencies;
    private final float[] divisors;
    private final int context;
    private final double factor;

    RopeScalingFit(double theta, float[] divisors, int context) {
        this.frequencies = Rope.inverseFrequencies(2 * divisors.length, theta);
        this.divisors = divisors;
        this.context = context;
        double largest = 1;
        for (float divisor : divisors) {
            largest = Math.max(largest, divisor);
        }
        factor = largest;
    }

    /** The rule, or null where nothing is divided. */
    Llama3Scaling find(StoredTensor tensor) throws ModelFormatException {
        if (follows(null)) {
            return null;
        }
        List<Integer> slope = IntStream.range(0, divisors.length)
                .filter(i -> kept(i) > 0 && kept(i) < 1)
                .boxed()
                .toList();
        List<Llama3Scaling> candidates;
        if (slope.size() > 1) {
            candidates = List.of(through(slope.getFirst(), slope.getLast()));
        } else if (slope.size() == 1) {
            // The pairs beside it are whole or fully stretched; the line meets one of them, and passes the other.
            candidates = List.of(
                    through(slope.getFirst() - 1, slope.getFirst()), through(slope.getFirst(), slope.getFirst() + 1));
        } else {
            int whole = (int) IntStream.range(0, divisors.length)
                    .takeWhile(i -> kept(i) == 1)
                    .count();
            candidates = List.of(through(whole - 1, whole));
        }
        for (Llama3Scaling candidate : candidates) {
            if (follows(candidate)) {
                return candidate;
            }
        }
        throw tensor.malformed("does not follow Llama 3's rule, the only scaling of rotary frequencies supported");
    }

    private double kept(int i) {
        return (1 / (double) divisors[i] - 1 / factor) / (1 - 1 / factor);
    }

    /** The rule whose line meets two neighbours; one that nothing follows where there are no such two. */
    private Llama3Scaling through(int i, int j) {
        if (i < 0 || j >= divisors.length) {
            return new Llama3Scaling(Double.NaN, 0, 1, context);
        }
        double slope = (kept(i) - kept(j)) / (frequencies[i] - frequencies[j]);
        double shift = kept(i) - slope * frequencies[i];
        double width = context / (2 * Math.PI * slope);
        return new Llama3Scaling(rounded(factor), rounded(-shift * width), rounded((1 - shift) * width), context);
    }

    private static double rounded(double value) {
        return Double.isFinite(value) ? new BigDecimal(value).round(DIGITS).doubleValue() : Double.NaN;
    }

    private boolean follows(Llama3Scaling rule) {
        double[] stretched = frequencies.clone();
        if (rule != null) {
            rule.apply(stretched);
        }
        for (int i = 0; i < divisors.length; i++) {
            double expected = frequencies[i] / stretched[i];
            // Written so that NaN does not pass.
            if (!(Math.abs(divisors[i] - expected) <= TOLERANCE * expected)) {
                return false;
            }
        }
        return true;
    }
}
