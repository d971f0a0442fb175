package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Rope;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

/** Writes a transformer to a GGUF file: of the architecture {@code qwen2} where it has biases on queries, keys and values, else {@code llama}. */
public final class GgufExport {
    private static final String TOKENIZER_MODEL = "tokenizer.ggml.model";
    private static final int QUANTIZATION_VERSION = 2;

    private GgufExport() {}

    /**
     * Writes a model: matrices in {@code type}, but in half precision where their rows are no multiple of its block;
     * vectors in single precision. Dense weights are quantized by llama.cpp's reference rounding, blocks of that type
     * are copied as they are. Without a tokenizer's values, the file says that it has none.
     *
     * @param metadata more to say, such as the tokenizer's values; see {@link GgufMetadata#get} for the classes
     * @throws ModelFormatException if the model cannot be expressed in this format
     * @throws IllegalArgumentException if {@code type} cannot be written or a metadata key is one of those that
     *     describe the model
     */
    public static void save(
            Transformer transformer, Path file, GgufType type, Map<String, Object> metadata, Progress progress)
            throws IOException {
        if (!type.canWrite()) {
            throw new IllegalArgumentException(type + " can be read, not written");
        }
        save(transformer, file, metadata, progress, (name, matrix) -> {
            boolean fits = matrix.columns() % type.blockWeights() == 0;
            return new Form(matrix, fits ? type : GgufType.F16);
        });
    }

    /**
     * Writes a model in the form in which it is kept: blocks and integer grids packed, where GGUF has such blocks, plain numbers in their own format.
     *
     * @param type a format for all plain numbers and for the matrices that have no packed form here; null to keep each in its own and to refuse the others
     * @throws ModelFormatException if the model cannot be expressed in this format
     */
    static void saveAsKept(
            Transformer transformer, Path file, DataType type, Map<String, Object> metadata, Progress progress)
            throws IOException {
        save(transformer, file, metadata, progress, (name, matrix) -> {
            GridStorage grid = StoredForm.grid(matrix);
            WeightStorage packed = grid == null
                    ? matrix
                    : GridBlocks.of(grid).<WeightStorage>map(b -> b).orElse(grid);
            GgufType blocks = StoredForm.blockType(packed);
            DataType numbers = type == null ? StoredForm.dataType(packed) : type;
            if (blocks == null && numbers == null) {
                throw StoredForm.unpackable(file, name, matrix);
            }
            return new Form(packed, blocks != null ? blocks : GgufType.valueOf(numbers.name()));
        });
    }

    /** A matrix and the format that it is written in. */
    private record Form(WeightStorage matrix, GgufType type) {}

    /** Chooses the form of a matrix. */
    @FunctionalInterface
    private interface Forms {
        Form of(String name, WeightStorage matrix) throws ModelFormatException;
    }

    private static void save(
            Transformer transformer, Path file, Map<String, Object> metadata, Progress progress, Forms forms)
            throws IOException {
        TransformerConfig config = transformer.config();
        // llama.cpp applies frequency divisors to the architecture llama alone, which may have biases as well.
        boolean qwen = config.projectionBias() && config.rope().scaling() == null;
        ExportedModel model = new ExportedModel(file, transformer, !qwen);
        Map<String, Form> matrices = new LinkedHashMap<>();
        for (Map.Entry<String, WeightStorage> matrix : model.matrices().entrySet()) {
            matrices.put(GgufNames.gguf(matrix.getKey()), forms.of(matrix.getKey(), matrix.getValue()));
        }
        GgufWriter writer = new GgufWriter();
        describe(writer, config, qwen ? "qwen2" : "llama", matrices.values());
        metadata.forEach(writer::put);
        describeTokens(writer, config);
        if (config.rope().scaling() != null) {
            float[] divisors = divisors(config.rope(), config.headSize());
            writer.addVector(GgufNames.ROPE_DIVISORS, Tensor.of(divisors, divisors.length));
        }
        matrices.forEach((name, form) -> writer.addMatrix(name, form.matrix, form.type));
        model.vectors().forEach((name, vector) -> writer.addVector(GgufNames.gguf(name), vector));
        writer.write(file, progress);
    }

    /** The format of most of the weights. */
    private static GgufType mainType(Collection<Form> forms) {
        Map<GgufType, Long> weights = new EnumMap<>(GgufType.class);
        for (Form form : forms) {
            weights.merge(form.type, (long) form.matrix.rows() * form.matrix.columns(), Long::sum);
        }
        return Collections.max(weights.entrySet(), Map.Entry.comparingByValue()).getKey();
    }

    private static void describe(
            GgufWriter writer, TransformerConfig config, String architecture, Collection<Form> matrices) {
        writer.put(GgufNames.ARCHITECTURE, architecture);
        writer.put("general.type", "model");
        writer.put("general.file_type", mainType(matrices).fileType);
        if (matrices.stream().anyMatch(form -> form.type.blocks != null)) {
            writer.put("general.quantization_version", QUANTIZATION_VERSION);
        }
        String prefix = architecture + ".";
        writer.put(prefix + "vocab_size", config.vocabularySize());
        writer.put(prefix + "context_length", config.contextLength());
        writer.put(prefix + "embedding_length", config.hiddenSize());
        writer.put(prefix + "block_count", config.layers());
        writer.put(prefix + "feed_forward_length", config.intermediateSize());
        writer.put(prefix + "attention.head_count", config.heads());
        writer.put(prefix + "attention.head_count_kv", config.keyValueHeads());
        writer.put(prefix + "attention.key_length", config.headSize());
        writer.put(prefix + "attention.value_length", config.headSize());
        writer.put(prefix + "attention.layer_norm_rms_epsilon", config.normEpsilon());
        writer.put(prefix + "rope.dimension_count", config.headSize());
        writer.put(prefix + "rope.freq_base", (float) config.rope().theta());
        if (config.rope().scaling() != null) {
            writer.put(
                    prefix + "rope.scaling.original_context_length",
                    config.rope().scaling().originalContext());
        }
    }

    private static void describeTokens(GgufWriter writer, TransformerConfig config) {
        if (!writer.has(TOKENIZER_MODEL)) {
            writer.put(TOKENIZER_MODEL, "none");
        }
        if (!writer.has(GgufNames.BEGIN_OF_SEQUENCE) && config.beginOfSequence() >= 0) {
            writer.put(GgufNames.BEGIN_OF_SEQUENCE, config.beginOfSequence());
        }
        if (!writer.has(GgufNames.END_OF_SEQUENCE) && config.endOfSequence() >= 0) {
            writer.put(GgufNames.END_OF_SEQUENCE, config.endOfSequence());
        }
    }

    /** What each pair's frequency is divided by. */
    private static float[] divisors(RopeConfig rope, int headSize) {
        double[] plain = Rope.inverseFrequencies(headSize, rope.theta());
        double[] stretched = plain.clone();
        rope.scaling().apply(stretched);
        float[] divisors = new float[plain.length];
        for (int i = 0; i < plain.length; i++) {
            divisors[i] = (float) (plain[i] / stretched[i]);
        }
        return divisors;
    }
}
