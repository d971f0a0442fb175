package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;

/** Buffers of one thread that are kept from product to product. What they hold is undefined when they are got. */
final class Scratch {
    private static final ThreadLocal<Scratch> THREADS = ThreadLocal.withInitial(Scratch::new);

    /** A tile of results that sticks out of the matrix. */
    final float[] tile = new float[Math.max(MicroKernel.HEIGHT, Matvec.VECTORS_AT_MOST) * MicroKernel.WIDTH];

    /** Sixteen vectors of partial sums. */
    final float[] sums = new float[16 * FloatVector.SPECIES_PREFERRED.length()];

    private float[] left = {};
    private float[] right = {};
    private float[] rows = {};
    private float[] inputs = {};
    private float[] inputSums = {};
    private float[] outputs = {};
    private int[] integerSums = {};
    private RoundedInputs roundedInputs;

    private Scratch() {}

    /** The calling thread's buffers. */
    static Scratch get() {
        return THREADS.get();
    }

    /** For packed panels of the left factor. */
    float[] left(int size) {
        if (left.length < size) {
            left = new float[size];
        }
        return left;
    }

    /** For packed panels of the right factor. */
    float[] right(int size) {
        if (right.length < size) {
            right = new float[size];
        }
        return right;
    }

    /** For decoded rows. */
    float[] rows(int size) {
        if (rows.length < size) {
            rows = new float[size];
        }
        return rows;
    }

    /** For inputs in another arrangement. */
    float[] inputs(int size) {
        if (inputs.length < size) {
            inputs = new float[size];
        }
        return inputs;
    }

    /** For sums of inputs. */
    float[] inputSums(int size) {
        if (inputSums.length < size) {
            inputSums = new float[size];
        }
        return inputSums;
    }

    /** For outputs in another arrangement. */
    float[] outputs(int size) {
        if (outputs.length < size) {
            outputs = new float[size];
        }
        return outputs;
    }

    /** For sums of integers before they are scaled. */
    int[] integerSums(int size) {
        if (integerSums.length < size) {
            integerSums = new int[size];
        }
        return integerSums;
    }

    /** For inputs of products of integers. */
    RoundedInputs roundedInputs() {
        if (roundedInputs == null) {
            roundedInputs = new RoundedInputs();
        }
        return roundedInputs;
    }
}
