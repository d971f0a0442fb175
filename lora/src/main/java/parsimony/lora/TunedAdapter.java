package parsimony.lora;

import java.util.Map;
import parsimony.core.model.LinearAdapter;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** An adapter of one matrix with the tensors it is kept as. */
interface TunedAdapter extends LinearAdapter {
    /** All tensors, by what PEFT adds to the matrix' name for them; those in training are marked so. */
    Map<String, Tensor> tensors();

    /** Whether a matrix is kept as plain floats, so that a change may be added to it where it is. */
    static boolean isDense(WeightStorage weights) {
        return weights instanceof DenseStorage || weights instanceof TensorStorage;
    }

    /** Plain 32-bit floats in native memory. */
    static WeightStorage dense(Tensor weights) {
        return DenseStorage.of(DataType.F32, new TensorStorage(weights));
    }
}
