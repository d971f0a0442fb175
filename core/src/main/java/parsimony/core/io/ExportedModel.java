package parsimony.core.io;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Block;
import parsimony.core.model.Linear;
import parsimony.core.model.LlamaBlock;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.Weights;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/**
 * What of a transformer goes into a file, under its Hugging Face names, in the row order that the file's reader
 * expects. A model that a file cannot express is refused: one with a changed input of a layer, with biases or shapes
 * that the configuration does not tell of, or with other blocks.
 */
final class ExportedModel {
    private final Path file;
    private final Transformer transformer;
    private final boolean interleaved;
    private final Map<String, WeightStorage> matrices = new LinkedHashMap<>();
    private final Map<String, Tensor> vectors = new LinkedHashMap<>();

    /**
     * @param interleaved the rotary pairs of the file's reader; rows of queries and keys are reordered where the
     *     model's differ
     */
    ExportedModel(Path file, Transformer transformer, boolean interleaved) throws ModelFormatException {
        this.file = file;
        this.transformer = transformer;
        this.interleaved = interleaved;
        for (Block block : transformer.blocks()) {
            if (!(block instanceof LlamaBlock llama)) {
                throw refused("blocks of the class " + block.getClass().getSimpleName());
            }
            if (llama.learnedPrefix() != null) {
                throw refused("a learned prefix");
            }
            for (Linear linear : block.linears()) {
                requirePlain(linear);
            }
        }
        requirePlain(transformer.output());
        collect();
    }

    /** Every matrix, a tied output left out. */
    Map<String, WeightStorage> matrices() {
        return matrices;
    }

    Map<String, Tensor> vectors() {
        return vectors;
    }

    private void requirePlain(Linear linear) throws ModelFormatException {
        boolean mayHaveBias = linear.name().endsWith("q_proj")
                || linear.name().endsWith("k_proj")
                || linear.name().endsWith("v_proj");
        if (linear.adapter() != null) {
            throw refused("the adapter of " + linear.name() + ", which has to be merged first");
        }
        if (linear.bias() != null && !mayHaveBias) {
            throw refused("the bias of " + linear.name());
        }
    }

    private void collect() throws ModelFormatException {
        TransformerConfig config = transformer.config();
        if (config.tiedEmbeddings() && !transformer.output().weight().equals(transformer.embedding())) {
            throw refused("an output matrix that differs from the embedding it is tied to");
        }
        Map<String, WeightStorage> foundMatrices = new LinkedHashMap<>(transformer.matrices());
        Map<String, Tensor> foundVectors = new LinkedHashMap<>(transformer.vectors());
        Map<String, String> wrong = new LinkedHashMap<>();
        // The constructor of a model is the list of what it is made of: walk it with what was found.
        Transformer.of(config, new Weights() {
            @Override
            public WeightStorage matrix(String name, int rows, int columns) {
                WeightStorage matrix = foundMatrices.remove(name);
                if (matrix == null || matrix.rows() != rows || matrix.columns() != columns) {
                    wrong.put(name, matrix == null ? "absent" : matrix.rows() + " × " + matrix.columns());
                    return new EmptyStorage(rows, columns);
                }
                matrices.put(name, inFileOrder(name, matrix));
                return matrix;
            }

            @Override
            public Tensor vector(String name, int size) {
                Tensor vector = foundVectors.remove(name);
                if (vector == null || vector.size() != size) {
                    wrong.put(name, vector == null ? "absent" : String.valueOf(vector.size()));
                    return Tensor.zeros(0);
                }
                vectors.put(name, inFileOrder(name, vector));
                return vector;
            }
        });
        foundMatrices.keySet().forEach(name -> wrong.put(name, "unexpected"));
        foundVectors.keySet().forEach(name -> wrong.put(name, "unexpected"));
        if (!wrong.isEmpty()) {
            Map.Entry<String, String> first = wrong.entrySet().iterator().next();
            throw refused("the shape of " + first.getKey() + " (" + first.getValue()
                    + "), which differs from the model's configuration");
        }
    }

    private WeightStorage inFileOrder(String name, WeightStorage matrix) {
        int heads = rotatedHeads(name);
        return heads == 0 ? matrix : new PermutedRows(matrix, order(heads));
    }

    private Tensor inFileOrder(String name, Tensor vector) {
        int heads = rotatedHeads(name);
        if (heads == 0) {
            return vector;
        }
        int[] order = order(heads);
        Tensor reordered = vector.zerosLike();
        for (int i = 0; i < order.length; i++) {
            reordered.array()[i] = vector.array()[order[i]];
        }
        return reordered;
    }

    /** How many heads of the tensor have to be reordered; 0 if none. */
    private int rotatedHeads(String name) {
        TransformerConfig config = transformer.config();
        if (interleaved == config.rope().interleaved()) {
            return 0;
        }
        if (name.contains(".q_proj.")) {
            return config.heads();
        }
        return name.contains(".k_proj.") ? config.keyValueHeads() : 0;
    }

    /**
     * For each row in the file, the model's row: pair i is (2i, 2i + 1) on one side and (i, i + headSize / 2) on the
     * other.
     */
    private int[] order(int heads) {
        int headSize = transformer.config().headSize();
        int half = headSize / 2;
        int[] order = new int[heads * headSize];
        for (int head = 0; head < heads; head++) {
            for (int i = 0; i < half; i++) {
                int start = head * headSize;
                int pair = start + 2 * i;
                if (interleaved) {
                    order[pair] = start + i;
                    order[pair + 1] = start + i + half;
                } else {
                    order[start + i] = pair;
                    order[start + i + half] = pair + 1;
                }
            }
        }
        return order;
    }

    ModelFormatException refused(String what) {
        return new ModelFormatException(file, -1, "a file of this format cannot express " + what);
    }

    /** A matrix of that shape without numbers, for a model that is only walked, never run. */
    private record EmptyStorage(int rows, int columns) implements WeightStorage {
        @Override
        public void decodeRow(int row, float[] target, int offset) {
            throw new UnsupportedOperationException("this matrix has no numbers");
        }

        @Override
        public long bytes() {
            return 0;
        }

        @Override
        public String format() {
            return "empty";
        }
    }
}
