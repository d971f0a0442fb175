package parsimony.core.io;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import parsimony.core.ModelFormatException;
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
     * @param packed the matrices that are kept in several tensors each
     * @param mayBeUnused whether a tensor that the model has no place for is harmless
     */
    static Transformer assemble(
            Path file,
            TransformerConfig config,
            Map<String, StoredTensor> tensors,
            PackedTensors packed,
            Function<String, Boolean> mayBeUnused)
            throws ModelFormatException {
        Set<String> used = new HashSet<>();
        Weights weights = new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                try {
                    return packed.has(name)
                            ? packed.matrix(name, rows, columns)
                            : find(name).matrix(rows, columns);
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
        requireHeads(file, config, tensors, packed);
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
        packed.requireAllUsed();
        return transformer;
    }

    /** The sizes of all heads together, which the constructor below multiplies as ints and allocates for. */
    private static void requireHeads(
            Path file, TransformerConfig config, Map<String, StoredTensor> tensors, PackedTensors packed)
            throws ModelFormatException {
        String layer = "model.layers.0.self_attn.";
        requireRows(file, tensors, packed, layer + "q_proj.weight", (long) config.heads() * config.headSize(), config);
        requireRows(
                file,
                tensors,
                packed,
                layer + "k_proj.weight",
                (long) config.keyValueHeads() * config.headSize(),
                config);
    }

    private static void requireRows(
            Path file,
            Map<String, StoredTensor> tensors,
            PackedTensors packed,
            String name,
            long rows,
            TransformerConfig config)
            throws ModelFormatException {
        if (packed.has(name)) {
            packed.requireShape(name, rows, config.hiddenSize());
        } else {
            required(file, tensors, name).requireShape(List.of(rows, (long) config.hiddenSize()));
        }
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
