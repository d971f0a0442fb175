package parsimony.core.model;

import parsimony.core.autograd.Ops;
import parsimony.core.tensor.Tensor;

/**
 * Rotary position embedding (Su et al., RoFormer, 2021, Eq. 34): pair i of a head is turned by position · inverseFrequency[i], so that q · k depends on the
 * distance alone.
 */
public final class Rope implements PositionEncoding {
    private final double[] inverseFrequencies;
    private final float scale;
    private final boolean interleaved;

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
        for (int row = 0; row < positions.length; row++) {
            for (int i = 0; i < half; i++) {
                double angle = positions[row] * inverseFrequencies[i];
                cosines.array()[row * half + i] = scale * (float) Math.cos(angle);
                sines.array()[row * half + i] = scale * (float) Math.sin(angle);
            }
        }
        return new Ops.Rotation(cosines, sines, interleaved);
    }
}
