package parsimony.quantization;

import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;

/** Weights that are kept beside the quantized ones. */
final class Outliers {
    private Outliers() {}

    /** The format in which scales are kept, unless it is too narrow for numbers of the size of {@code weights}: then bf16. */
    static DataType type(DataType scaleType, Tensor weights) {
        float largest = 0;
        for (float weight : weights.array()) {
            largest = Math.max(largest, Math.abs(weight));
        }
        // Compensation and differences from a grid make some weights larger than any was.
        return Float.isFinite(scaleType.round(4 * largest)) ? scaleType : DataType.BF16;
    }
}
