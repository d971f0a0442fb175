package parsimony.core.model;

import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/** Where a model's numbers come from: a file, a random initialisation, another model. Names are those of a Hugging Face checkpoint. */
public interface Weights {
    /** A matrix [rows, columns]. */
    WeightStorage matrix(String name, int rows, int columns);

    /** A vector [size]. */
    Tensor vector(String name, int size);
}
