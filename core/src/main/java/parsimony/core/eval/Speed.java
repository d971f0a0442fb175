package parsimony.core.eval;

import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import parsimony.core.autograd.Ops;
import parsimony.core.model.Sampler;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;

/**
 * How fast a model reads and writes.
 *
 * @param prefill tokens a second while a prompt is read
 * @param decode tokens a second while text is written one token a forward pass, the choice of the most likely token included
 */
public record Speed(double prefill, double decode) {
    /**
     * What is done to measure.
     *
     * @param promptTokens tokens of the prompt
     * @param decodedTokens tokens read one by one after it; they are given, so every model does the same work
     * @param warmUp for how long a model runs before anything is measured
     * @param repetitions measurements, of which the median is taken
     * @param seed of the tokens
     */
    public record Options(int promptTokens, int decodedTokens, Duration warmUp, int repetitions, long seed) {
        public static final Options DEFAULT = new Options(256, 32, Duration.ofMillis(500), 11, 0);

        public Options {
            if (promptTokens < 1 || decodedTokens < 1 || repetitions < 1) {
                throw new IllegalArgumentException("at least one token and one repetition are needed to measure");
            }
        }
    }

    /**
     * Two models, measured in turn so that whatever slows the machine down slows both.
     *
     * @param model medians of the model
     * @param baseline medians of the model it is compared with
     * @param prefillRatio median of the ratios model / baseline of neighbouring measurements
     * @param decodeRatio the same for decoding
     * @param prefillNoise how far the ratio of another run may be from this one without meaning anything, as far as the spread within this run tells: 1.57
     *     times the distance of the quartiles over the root of the number of ratios (McGill, Tukey and Larsen, 1978)
     * @param decodeNoise the same for decoding
     */
    public record Comparison(
            Speed model,
            Speed baseline,
            double prefillRatio,
            double decodeRatio,
            double prefillNoise,
            double decodeNoise) {}

    /** Measures one model. */
    public static Speed measure(Ops ops, Transformer model, Options options) {
        Run run = new Run(ops, model, options);
        run.warmUp();
        for (int i = 0; i < options.repetitions; i++) {
            run.measure(i);
        }
        return run.speed();
    }

    /** Measures a model and its baseline in turn, each first every other time. The baseline, which many are compared with, is warmed up by one run only. */
    public static Comparison compare(Ops ops, Transformer model, Transformer baseline, Options options) {
        Run first = new Run(ops, model, options);
        Run second = new Run(ops, baseline, options);
        second.measure(0);
        first.warmUp();
        double[] prefillRatios = new double[options.repetitions];
        double[] decodeRatios = new double[options.repetitions];
        for (int i = 0; i < options.repetitions; i++) {
            if (i % 2 == 0) {
                first.measure(i);
                second.measure(i);
            } else {
                second.measure(i);
                first.measure(i);
            }
            prefillRatios[i] = first.prefill[i] / second.prefill[i];
            decodeRatios[i] = first.decode[i] / second.decode[i];
        }
        return new Comparison(
                first.speed(),
                second.speed(),
                median(prefillRatios),
                median(decodeRatios),
                noise(prefillRatios),
                noise(decodeRatios));
    }

    private static double median(double[] numbers) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private static double noise(double[] numbers) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        double quartiles = sorted[(3 * sorted.length) / 4] - sorted[sorted.length / 4];
        return 1.57 * quartiles / Math.sqrt(sorted.length);
    }

    /** The measurements of one model. */
    private static final class Run {
        private final Ops ops;
        private final Transformer model;
        private final Options options;
        private final int[] prompt;
        private final int[] continuation;
        private final double[] prefill;
        private final double[] decode;

        Run(Ops ops, Transformer model, Options options) {
            this.ops = ops;
            this.model = model;
            this.options = options;
            SplittableRandom random = new SplittableRandom(options.seed);
            int vocabulary = model.config().vocabularySize();
            prompt = random.ints(options.promptTokens, 0, vocabulary).toArray();
            continuation = random.ints(options.decodedTokens, 0, vocabulary).toArray();
            prefill = new double[options.repetitions];
            decode = new double[options.repetitions];
        }

        void warmUp() {
            long end = System.nanoTime() + options.warmUp.toNanos();
            do {
                measure(0);
            } while (System.nanoTime() < end);
        }

        void measure(int repetition) {
            Sampler greedy = Sampler.greedy();
            try (Sequence sequence = model.newSequence()) {
                long started = System.nanoTime();
                model.read(ops, sequence, prompt);
                long prefilled = System.nanoTime();
                for (int token : continuation) {
                    greedy.sample(model.read(ops, sequence, token).array(), null);
                }
                long decoded = System.nanoTime();
                prefill[repetition] = options.promptTokens * 1e9 / (prefilled - started);
                decode[repetition] = options.decodedTokens * 1e9 / (decoded - prefilled);
            }
        }

        Speed speed() {
            return new Speed(median(prefill), median(decode));
        }
    }
}
