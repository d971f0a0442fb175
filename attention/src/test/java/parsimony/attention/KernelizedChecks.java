package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.AttentionKernel;
import parsimony.core.model.KeyValueTile;
import parsimony.core.model.NaiveAttention;
import parsimony.core.model.Visibility;
import parsimony.core.tensor.Matrix;

/** Attention with features against differences and against the softmax. */
final class KernelizedChecks {
    /** Numbers of a head. */
    static final int SIZE = 6;

    private static final AttentionKernel.Scoring PLAIN =
            new AttentionKernel.Scoring((float) (1 / Math.sqrt(SIZE)), 0, 0);

    private KernelizedChecks() {}

    /** Long enough that keys are summed up, not a multiple of a chunk, and with two keys that come before the text. */
    static void gradientsAreThoseOfDifferences(FeatureMap map) {
        int rows = 140;
        int[] positions = IntStream.range(-2, rows).toArray();
        AttentionKernel kernel = new KernelizedAttention("test", map);
        Matrix queries = random(rows, 1, 0.7);
        Matrix keys = random(rows + 2, 2, 0.7);
        Matrix values = random(rows + 2, 3, 1);
        Matrix dOutput = random(rows, 4, 1);
        AttentionKernel.Head head = new AttentionKernel.Head(
                queries,
                positions,
                2,
                List.of(
                        new KeyValueTile(keys.rows(0, 2), values.rows(0, 2), positions, 0),
                        new KeyValueTile(keys.rows(2, rows), values.rows(2, rows), positions, 2)),
                new Visibility.Causal(positions, 2),
                new AttentionKernel.Scoring(0.5f, 0, 0));
        ScalarBackend backend = new ScalarBackend();
        Matrix output = random(rows, 5, 1);
        float[] logSumExp = new float[rows];
        kernel.forward(backend, head, output, logSumExp, 0);
        Matrix dQueries = random(rows, 6, 0);
        Matrix dKeys = random(rows + 2, 6, 0);
        Matrix dValues = random(rows + 2, 6, 0);
        kernel.backward(
                backend,
                head,
                output,
                logSumExp,
                0,
                dOutput,
                dQueries,
                List.of(
                        new KeyValueTile(dKeys.rows(0, 2), dValues.rows(0, 2), positions, 0),
                        new KeyValueTile(dKeys.rows(2, rows), dValues.rows(2, rows), positions, 2)));
        Matrix[] inputs = {queries, keys, values};
        Matrix[] gradients = {dQueries, dKeys, dValues};
        for (int which = 0; which < 3; which++) {
            float[] data = inputs[which].data();
            for (int at = 0; at < data.length; at += 37) {
                float kept = data[at];
                data[at] = kept + 0.01f;
                double high = loss(kernel, head, dOutput);
                data[at] = kept - 0.01f;
                double low = loss(kernel, head, dOutput);
                data[at] = kept;
                assertThat((double) gradients[which].data()[at])
                        .as("input " + which + " at " + at)
                        .isCloseTo((high - low) / 0.02, within(3e-3));
            }
        }
    }

    private static double loss(AttentionKernel kernel, AttentionKernel.Head head, Matrix dOutput) {
        Matrix output = random(dOutput.rows(), 5, 1);
        kernel.forward(new ScalarBackend(), head, output, new float[dOutput.rows()], 0);
        double sum = 0;
        for (int i = 0; i < output.data().length; i++) {
            sum += (double) output.data()[i] * dOutput.data()[i];
        }
        return sum;
    }

    /** Deviation of a query's and a key's numbers for which the variance of a feature is small; it grows with exp(|q + k|²). */
    private static final double SHORT = 0.5;

    /** The root of the mean square of (approximate − exact attention), over eight draws. */
    static double performerError(int features) {
        Matrix exact = output(new NaiveAttention(), SHORT, PLAIN);
        double squares = 0;
        for (int seed = 0; seed < 8; seed++) {
            Matrix directions = Performer.directions(features, SIZE, seed);
            Matrix estimate =
                    output(new KernelizedAttention("test", new Performer.PositiveFeatures(directions)), SHORT, PLAIN);
            for (int i = 0; i < exact.data().length; i++) {
                double error = estimate.data()[i] - exact.data()[i];
                squares += error * error / exact.data().length / 8;
            }
        }
        return Math.sqrt(squares);
    }

    static Matrix performerOutput(int features, double length) {
        Matrix directions = Performer.directions(features, SIZE, 1);
        return output(new KernelizedAttention("test", new Performer.PositiveFeatures(directions)), length, PLAIN);
    }

    /** What a head of random queries, keys and values of this deviation gives. */
    static Matrix output(AttentionKernel kernel, double length, AttentionKernel.Scoring scoring) {
        int rows = 100;
        int[] positions = IntStream.range(0, rows).toArray();
        Matrix output = random(rows, 1, 1);
        kernel.forward(
                new ScalarBackend(),
                new AttentionKernel.Head(
                        random(rows, 2, length),
                        positions,
                        0,
                        List.of(new KeyValueTile(random(rows, 3, length), random(rows, 4, 1), positions, 0)),
                        new Visibility.Causal(positions, 0),
                        scoring),
                output,
                new float[rows],
                0);
        return output;
    }

    private static Matrix random(int rows, long seed, double deviation) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] data = new float[rows * SIZE];
        for (int i = 0; i < data.length; i++) {
            data[i] = (float) (deviation * random.nextGaussian());
        }
        return Matrix.of(data, rows, SIZE);
    }
}
