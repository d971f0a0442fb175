package parsimony.core.model;

import java.util.Arrays;
import parsimony.core.autograd.Ops;
import parsimony.core.tensor.Tensor;

/**
 * Rotary position embedding (Su et al., RoFormer, 2021, Eq. 34): pair i of a head is turned by position · inverseFrequency[i], so that q · k depends on the
 * distance alone.
 */
public final class Rope implements PositionEncoding {
    /** Positions whose angles are kept: a cache that rotates when it reads asks for thousands of them with every token. */
    private static final int MOST_KNOWN = 1 << 13;

    private final double[] inverseFrequencies;
    private final float scale;
    private final boolean interleaved;
    /** Cosines and then sines of each position from 0 on. */
    private volatile float[] table = new float[0];

    /**
     * @param inverseFrequencies [headSize / 2], radians a position
     * @param scale what cosines and sines are multiplied by; 1 but for YaRN
     * @param interleaved whether pair i is (2i, 2i + 1), as in llama2.c and GGUF's Llama, or (i, i + headSize / 2), as in Hugging Face
     */
    public Rope(double[] inverseFrequencies, float scale, boolean interleaved) {
        this.inverseFrequencies = inverseFrequencies.clone();
        this.scale = scale;
        this.interleaved = interleaved;
    }

    /** This encoding with each frequency multiplied by a number of its own. */
    public Rope stretched(double[] factors, float newScale) {
        double[] frequencies = new double[inverseFrequencies.length];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = inverseFrequencies[i] * factors[i];
        }
        return new Rope(frequencies, newScale, interleaved);
    }

    /** Radians a position of each pair [headSize / 2]. */
    public double[] inverseFrequencies() {
        return inverseFrequencies.clone();
    }

    /** theta^(−2i / headSize) for each pair i. */
    public static double[] inverseFrequencies(int headSize, double theta) {
        double[] frequencies = new double[headSize / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = Math.pow(theta, -2.0 * i / headSize);
        }
        return frequencies;
    }

    @Override
    public Ops.Rotation rotation(int[] positions) {
        int half = inverseFrequencies.length;
        Tensor cosines = Tensor.zeros(positions.length, half);
        Tensor sines = Tensor.zeros(positions.length, half);
        int last = Arrays.stream(positions).max().orElse(-1);
        float[] known = table(Math.min(last, MOST_KNOWN - 1));
        for (int row = 0; row < positions.length; row++) {
            if (positions[row] >= 0 && positions[row] < MOST_KNOWN) {
                int at = positions[row] * 2 * half;
                System.arraycopy(known, at, cosines.array(), row * half, half);
                System.arraycopy(known, at + half, sines.array(), row * half, half);
            } else {
                turn(positions[row], cosines.array(), row * half, sines.array(), row * half);
            }
        }
        return new Ops.Rotation(cosines, sines, interleaved);
    }

    private void turn(int position, float[] cosines, int firstCosine, float[] sines, int firstSine) {
        for (int i = 0; i < inverseFrequencies.length; i++) {
            double angle = position * inverseFrequencies[i];
            cosines[firstCosine + i] = scale * (float) Math.cos(angle);
            sines[firstSine + i] = scale * (float) Math.sin(angle);
        }
    }

    /** The table up to a position at least; several threads may make it at once, with the same numbers. */
    private float[] table(int last) {
        int half = inverseFrequencies.length;
        float[] known = table;
        int size = known.length / (2 * half);
        if (last >= size) {
            int capacity = Math.min(MOST_KNOWN, Math.max(last + 1, 2 * size));
            known = Arrays.copyOf(known, capacity * 2 * half);
            for (int position = size; position < capacity; position++) {
                int at = position * 2 * half;
                turn(position, known, at, known, at + half);
            }
            table = known;
        }
        return known;
    }
}
