package parsimony.core.model;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * How the next token is chosen: logits are divided by the temperature, the {@code topK} largest are kept, and of these the fewest whose probability
 * exceeds {@code topP} (Holtzman et al., 2020). The same logits and the same random numbers give the same token.
 *
 * @param temperature 0 for the most likely token, the one of the smallest id where several are
 * @param topK tokens that are kept, those that equal the last of them too; 0 for all
 * @param topP probability that the tokens kept must exceed; 1 for all
 * @param seed of {@link #newRandom}
 */
public record Sampler(double temperature, int topK, double topP, long seed) {
    public Sampler {
        if (!(temperature >= 0) || temperature == Double.POSITIVE_INFINITY) {
            throw new IllegalArgumentException("temperature must be 0 or more, not " + temperature);
        }
        if (topK < 0) {
            throw new IllegalArgumentException("topK must be 0 (all tokens) or more, not " + topK);
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("topP must be above 0 and at most 1 (all tokens), not " + topP);
        }
    }

    /** Always the most likely token. */
    public static Sampler greedy() {
        return new Sampler(0, 0, 1, 0);
    }

    /** A fresh source of random numbers, the same for the same seed. */
    public RandomGenerator newRandom() {
        return new SplittableRandom(seed);
    }

    /** Chooses a token; takes one number from {@code random} unless the temperature is 0. */
    public int sample(float[] logits, RandomGenerator random) {
        return temperature == 0 ? mostLikely(logits) : draw(distribution(logits), random.nextDouble());
    }

    /** The first token, in the order of ids, at which the cumulative probability exceeds {@code uniform} (0 … 1) of the total. */
    public static int draw(float[] probabilities, double uniform) {
        double total = 0;
        for (float probability : probabilities) {
            total += probability;
        }
        double cumulative = 0;
        int last = 0;
        for (int token = 0; token < probabilities.length; token++) {
            if (probabilities[token] > 0) {
                cumulative += probabilities[token];
                last = token;
                if (cumulative > uniform * total) {
                    return token;
                }
            }
        }
        return last;
    }

    /** The probabilities that tokens are drawn with; a single 1 at temperature 0. {@code logits} stay as they are. */
    public float[] distribution(float[] logits) {
        int best = mostLikely(logits);
        float[] probabilities = new float[logits.length];
        if (temperature == 0) {
            probabilities[best] = 1;
            return probabilities;
        }
        float smallest = topK > 0 && topK < logits.length ? smallestOfLargest(logits, topK) : Float.NEGATIVE_INFINITY;
        double[] weights = new double[logits.length];
        double total = 0;
        for (int token = 0; token < logits.length; token++) {
            if (logits[token] >= smallest) {
                weights[token] = Math.exp(((double) logits[token] - logits[best]) / temperature);
                total += weights[token];
            }
        }
        if (topP < 1) {
            total = keepNucleus(weights, total);
        }
        for (int token = 0; token < logits.length; token++) {
            probabilities[token] = (float) (weights[token] / total);
        }
        return probabilities;
    }

    /** Zeroes all but the largest weights whose sum first exceeds topP · total, and returns that sum. */
    private double keepNucleus(double[] weights, double total) {
        // Tokens rarer than this are together less likely than 1 − topP, so the nucleus is found before them.
        double negligible = total * (1 - topP) / weights.length;
        long[] candidates = new long[weights.length];
        int count = 0;
        for (int token = 0; token < weights.length; token++) {
            if (weights[token] >= negligible && weights[token] > 0) {
                // The bits of positive floats sort as the floats do; of equal ones the smaller id comes first.
                candidates[count++] = (long) ~Float.floatToRawIntBits((float) weights[token]) << 32 | token;
            }
        }
        Arrays.sort(candidates, 0, count);
        double sum = 0;
        double[] kept = new double[weights.length];
        for (int i = 0; i < count && sum <= topP * total; i++) {
            int token = (int) candidates[i];
            kept[token] = weights[token];
            sum += weights[token];
        }
        System.arraycopy(kept, 0, weights, 0, weights.length);
        return sum;
    }

    /** The {@code count}th largest number. */
    private static float smallestOfLargest(float[] numbers, int count) {
        float[] largest = new float[count];
        Arrays.fill(largest, Float.NEGATIVE_INFINITY);
        for (float number : numbers) {
            if (number > largest[0]) {
                int place = 0;
                while (place + 1 < count && largest[place + 1] < number) {
                    largest[place] = largest[place + 1];
                    place++;
                }
                largest[place] = number;
            }
        }
        return largest[0];
    }

    private static int mostLikely(float[] logits) {
        int best = -1;
        for (int token = 0; token < logits.length; token++) {
            if (best < 0 ? logits[token] > Float.NEGATIVE_INFINITY : logits[token] > logits[best]) {
                best = token;
            }
        }
        if (best < 0 || logits[best] == Float.POSITIVE_INFINITY) {
            throw new ArithmeticException("the model's logits are not finite numbers");
        }
        return best;
    }
}
