package parsimony.core.technique;

import java.util.OptionalLong;
import parsimony.core.backend.Backend;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * What a technique makes of one matrix, and how far its outputs then are from the right ones.
 *
 * @param result Q [out, in]
 * @param error ‖XWᵀ − XQᵀ‖²_F, computed in double precision
 * @param zeros weights of Q that are exactly 0
 */
public record MatrixTrial(WeightStorage result, double error, long zeros) {
    /**
     * Compresses W and compares.
     *
     * @param name of the matrix, for messages
     * @param weight W [out, in]
     * @param inputs X [n, in]
     * @throws TechniqueException if a step of {@code spec} does not work on one matrix alone
     */
    public static MatrixTrial run(
            TechniqueSpec spec, String name, WeightStorage weight, Tensor inputs, TechniqueContext context) {
        WeightStorage result = spec.compress(name, weight, inputs, context);
        return new MatrixTrial(result, error(weight, result, inputs, context.backend()), zeros(result));
    }

    public double bitsPerWeight() {
        return result.bitsPerWeight();
    }

    public OptionalLong outliers() {
        return result.outliers();
    }

    private static double error(WeightStorage weight, WeightStorage result, Tensor inputs, Backend backend) {
        return result.roundsInput()
                ? errorOfProduct(weight, result, inputs, backend)
                : errorOfWeights(weight, result, inputs, backend);
    }

    /** Where a layer does more than to multiply by the weights that it decodes to, it has to be run. */
    private static double errorOfProduct(WeightStorage weight, WeightStorage result, Tensor inputs, Backend backend) {
        Tensor expected = Tensor.zeros(inputs.rows(), weight.rows());
        Tensor actual = expected.zerosLike();
        backend.prepare(weight).multiply(inputs, expected);
        backend.prepare(result).multiply(inputs, actual);
        double sum = 0;
        for (int i = 0; i < expected.size(); i++) {
            double difference = (double) expected.array()[i] - actual.array()[i];
            sum += difference * difference;
        }
        return sum;
    }

    private static double errorOfWeights(WeightStorage weight, WeightStorage result, Tensor inputs, Backend backend) {
        int samples = inputs.rows();
        int columns = inputs.columns();
        float[] x = inputs.array();
        double[] transposed = new double[columns * samples];
        for (int n = 0; n < samples; n++) {
            for (int i = 0; i < columns; i++) {
                transposed[i * samples + n] = x[n * columns + i];
            }
        }
        float[] before = weight.decode().array();
        float[] after = result.decode().array();
        double[] perRow = new double[weight.rows()];
        backend.parallel(weight.rows(), row -> {
            double[] difference = new double[samples];
            for (int i = 0; i < columns; i++) {
                double lost = (double) before[row * columns + i] - after[row * columns + i];
                for (int n = 0; n < samples; n++) {
                    difference[n] += lost * transposed[i * samples + n];
                }
            }
            for (double d : difference) {
                perRow[row] += d * d;
            }
        });
        double sum = 0;
        for (double error : perRow) {
            sum += error;
        }
        return sum;
    }

    private static long zeros(WeightStorage storage) {
        long zeros = 0;
        for (float weight : storage.decode().array()) {
            zeros += weight == 0 ? 1 : 0;
        }
        return zeros;
    }
}
