package parsimony.core.backend.vector;

import jdk.incubator.vector.FloatVector;

/** Buffers of one thread that are kept from product to product. What they hold is undefined when they are got. */
final class Scratch {
    private static final ThreadLocal<Scratch> THREADS = ThreadLocal.withInitial(Scratch::new);

    /** A tile of results that sticks out of the matrix. */
    final float[] tile = new float[Math.max(MicroKernel.HEIGHT, Matvec.VECTORS_AT_MOST) * MicroKernel.WIDTH];

    /** Sixteen vectors of partial sums. */
    final float[] sums = new float[16 * FloatVector.SPECIES_PREFERRED.length()];

    /** Outputs of a tile of vectors that do not lie side by side. */
    final float[] gathered = new float[IntegerKernel.VECTORS * IntegerKernel.ROWS];

    /** Inputs of products of integers. */
    final RoundedInputs roundedInputs = new RoundedInputs();

    private float[] left = {};
    private float[] right = {};
    private float[] rows = {};
    private float[] inputs = {};
    private float[] inputSums = {};
    private float[] outputs = {};
    private float[] scales = {};
    private int[] integerSums = {};
    private int[] spreadCodes = {};
    private byte[] codes = {};
    private int[] packed = {};

    private Scratch() {}

    /** The calling thread's buffers. */
    static Scratch get() {
        return THREADS.get();
    }

    /** For packed panels of the left factor. */
    float[] left(int size) {
        left = enough(left, size);
        return left;
    }

    /** For packed panels of the right factor. */
    float[] right(int size) {
        right = enough(right, size);
        return right;
    }

    /** For decoded rows. */
    float[] rows(int size) {
        rows = enough(rows, size);
        return rows;
    }

    /** For inputs in another arrangement. */
    float[] inputs(int size) {
        inputs = enough(inputs, size);
        return inputs;
    }

    /** For sums of inputs. */
    float[] inputSums(int size) {
        inputSums = enough(inputSums, size);
        return inputSums;
    }

    /** For outputs in another arrangement. */
    float[] outputs(int size) {
        outputs = enough(outputs, size);
        return outputs;
    }

    /** For scales of weights. */
    float[] scales(int size) {
        scales = enough(scales, size);
        return scales;
    }

    /** For sums of integers before they are scaled. */
    int[] integerSums(int size) {
        integerSums = enough(integerSums, size);
        return integerSums;
    }

    /** For codes of weights, one in each lane of 16 bits. */
    int[] spreadCodes(int size) {
        spreadCodes = enough(spreadCodes, size);
        return spreadCodes;
    }

    /** For codes of weights on their way to words. */
    byte[] codes(int size) {
        if (codes.length < size) {
            codes = new byte[size];
        }
        return codes;
    }

    /** For packed words on their way to native memory. */
    int[] packed(int size) {
        packed = enough(packed, size);
        return packed;
    }

    private static int[] enough(int[] buffer, int size) {
        return buffer.length < size ? new int[size] : buffer;
    }

    private static float[] enough(float[] buffer, int size) {
        return buffer.length < size ? new float[size] : buffer;
    }
}
