package parsimony.core.technique;

import java.util.List;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

/** The dense baseline: the same weights as floats of 32 or 16 bits, rounded to nearest even. */
public final class Dense extends LayerwiseCompressor<Dense.Options> {
    /** @param type the format of one weight */
    public record Options(DataType type) {
        public Options {
            if (type == null) {
                throw new IllegalArgumentException("type must be f32, bf16 or f16");
            }
        }
    }

    @Override
    public String name() {
        return "dense";
    }

    @Override
    public String idea() {
        return "Keeps every weight as a float of 32 or 16 bits and changes nothing else. It is what all "
                + "others are compared with; 16 bits alone halve the memory of 32.";
    }

    @Override
    public Options defaults() {
        return new Options(DataType.F32);
    }

    @Override
    public List<String> showcase() {
        return List.of("dense:type=f32", "dense:type=bf16", "dense:type=f16");
    }

    @Override
    protected WeightStorage compress(LinearTask task, Options options) {
        for (float weight : task.weights().array()) {
            if (!Float.isFinite(options.type.round(weight))) {
                throw new TechniqueException(
                        task.name() + " holds the weight " + weight + ", too large for " + options.type + "; use bf16");
            }
        }
        return DenseStorage.of(options.type, new TensorStorage(task.weights()));
    }
}
