package parsimony.core.io;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/** Puts a transformer together from a file's tensors, each checked against the configuration before it is used. */
final class ModelAssembly {
    static final String SUPPORTED = "llama, qwen2, mistral";

    private ModelAssembly() {}

    static ModelFormatException unsupportedArchitecture(Path file, long offset, String name) {
        return new ModelFormatException(
                file, offset, "architecture " + MappedFile.quoted(name) + " is not supported; supported: " + SUPPORTED);
    }

    /**
     * @param file what to name when a tensor is missing
     * @param tensors under their Hugging Face names
     * @param mayBeUnused whether a tensor that the model has no place for is harmless
     */
    static Transformer assemble(
            Path file,
            TransformerConfig config,
            Map<String, StoredTensor> tensors,
            Function<String, Boolean> mayBeUnused)
            throws ModelFormatException {
        Set<String> used = new HashSet<>();
        Weights weights = new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                try {
                    return find(name).matrix(rows, columns);
                } catch (ModelFormatException e) {
                    throw new UncheckedIOException(e);
                }
            }

            @Override
            public Tensor vector(String name, int size) {
                try {
                    return find(name).vector(size);
                } catch (ModelFormatException e) {
                    throw new UncheckedIOException(e);
                }
            }

            private StoredTensor find(String name) throws ModelFormatException {
                used.add(name);
                return required(file, tensors, name);
            }
        };
        requireHeads(file, config, tensors);
        Transformer transformer;
        try {
            transformer = Transformer.of(config, weights);
        } catch (UncheckedIOException e) {
            if (e.getCause() instanceof ModelFormatException cause) {
                throw cause;
            }
            throw e;
        }
        for (Map.Entry<String, StoredTensor> entry : tensors.entrySet()) {
            if (!used.contains(entry.getKey()) && !mayBeUnused.apply(entry.getKey())) {
                throw entry.getValue().malformed("has no place in this architecture");
            }
        }
        return transformer;
    }

    /** The sizes of all heads together, which the constructor below multiplies as ints and allocates for. */
    private static void requireHeads(Path file, TransformerConfig config, Map<String, StoredTensor> tensors)
            throws ModelFormatException {
        String layer = "model.layers.0.self_attn.";
        long hidden = config.hiddenSize();
        required(file, tensors, layer + "q_proj.weight")
                .requireShape(List.of((long) config.heads() * config.headSize(), hidden));
        required(file, tensors, layer + "k_proj.weight")
                .requireShape(List.of((long) config.keyValueHeads() * config.headSize(), hidden));
    }

    private static StoredTensor required(Path file, Map<String, StoredTensor> tensors, String name)
            throws ModelFormatException {
        StoredTensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new ModelFormatException(
                    file, -1, "the tensor \"" + name + "\" is missing (" + count(tensors.values()) + ")");
        }
        return tensor;
    }

    private static String count(Collection<StoredTensor> tensors) {
        return "the file has " + tensors.size() + " tensors";
    }
}
