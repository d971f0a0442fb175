package parsimony.core.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.ModelFormatException;
import parsimony.core.io.SafeTensors;
import parsimony.core.io.StoredTensor;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** The parameters in training, what the optimizer remembers of them, and the number of steps done: what a checkpoint holds. */
final class TrainingState {
    private static final String STEP = "step";

    private final Map<String, Tensor> tensors;
    private int step;

    /** @param tensors by name; those of a checkpoint are read into them */
    TrainingState(Map<String, Tensor> tensors) {
        this.tensors = tensors;
    }

    int step() {
        return step;
    }

    void advance() {
        step++;
    }

    /** Writes a safetensors file, all or nothing. */
    void save(Path file) throws IOException {
        Map<String, WeightStorage> matrices = new LinkedHashMap<>();
        Map<String, Tensor> vectors = new LinkedHashMap<>();
        tensors.forEach((name, tensor) -> {
            if (tensor.rank() == 2) {
                matrices.put(name, new TensorStorage(tensor));
            } else {
                vectors.put(name, tensor);
            }
        });
        SafeTensors.write(file, DataType.F32, matrices, vectors, Map.of(STEP, Integer.toString(step)));
    }

    /** @throws ModelFormatException if the file is no checkpoint of these parameters */
    void load(Path file) throws IOException {
        SafeTensors checkpoint = SafeTensors.open(file);
        for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
            StoredTensor stored = checkpoint.tensor(entry.getKey());
            Tensor tensor = entry.getValue();
            Tensor values = tensor.rank() == 2 ? stored.matrix().decode() : stored.vector();
            if (values.size() != tensor.size() || values.columns() != tensor.columns()) {
                throw new ModelFormatException(
                        file,
                        -1,
                        entry.getKey() + " is " + values + ", but this training has " + tensor
                                + ": train into another folder, or with the options that the checkpoint was made with");
            }
            System.arraycopy(values.array(), 0, tensor.array(), 0, tensor.size());
        }
        String done = checkpoint.metadata().getOrDefault(STEP, "");
        if (!done.matches("\\d{1,9}")) {
            throw new ModelFormatException(file, -1, "its metadata does not say at which step it was written");
        }
        step = Integer.parseInt(done);
    }
}
