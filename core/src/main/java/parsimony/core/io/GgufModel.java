package parsimony.core.io;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Rope;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.GridStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import parsimony.core.text.GgufTokenizer;

/**
 * A transformer in a GGUF file. The architecture {@code llama} (Mistral's files use it too) has interleaved rotary
 * pairs (2i, 2i + 1); {@code qwen2} has pairs (i, i + headSize / 2) and biases on queries, keys and values.
 */
public final class GgufModel {
    /** The metadata key of a model's architecture. */
    public static final String ARCHITECTURE = "general.architecture";

    private static final String BOS = "tokenizer.ggml.bos_token_id";
    private static final String EOS = "tokenizer.ggml.eos_token_id";
    private static final String TOKENIZER_MODEL = "tokenizer.ggml.model";
    private static final String ROPE_DIVISORS = "rope_freqs.weight";
    private static final int QUANTIZATION_VERSION = 2;

    /** Llama 3's own context, which its files do not tell; any other would describe the same divisors. */
    private static final int LLAMA3_CONTEXT = 8192;

    /** Parts of a block's tensor names: GGUF's and Hugging Face's. */
    private static final Map<String, String> PARTS = Map.of(
            "attn_norm", "input_layernorm",
            "attn_q", "self_attn.q_proj",
            "attn_k", "self_attn.k_proj",
            "attn_v", "self_attn.v_proj",
            "attn_output", "self_attn.o_proj",
            "ffn_norm", "post_attention_layernorm",
            "ffn_gate", "mlp.gate_proj",
            "ffn_up", "mlp.up_proj",
            "ffn_down", "mlp.down_proj");

    private static final Map<String, String> WHOLES = Map.of(
            "token_embd.weight", "model.embed_tokens.weight",
            "output_norm.weight", "model.norm.weight",
            "output.weight", "lm_head.weight");

    private GgufModel() {}

    /** Opens a file and puts its model together. */
    public static Transformer load(Path file) throws IOException {
        return load(Gguf.open(file));
    }

    /**
     * Puts a file's model together; the weights stay where they lie.
     *
     * @throws ModelFormatException if a value or tensor is missing or wrong, or the model is none that is supported
     */
    public static Transformer load(Gguf file) throws ModelFormatException {
        GgufMetadata metadata = file.metadata();
        String architecture = metadata.string(ARCHITECTURE);
        if (!architecture.equals("llama") && !architecture.equals("qwen2")) {
            throw metadata.unsupportedArchitecture(ARCHITECTURE, architecture);
        }
        Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        file.tensors().forEach((name, tensor) -> tensors.put(huggingFaceName(name), tensor));
        StoredTensor divisors = tensors.remove(ROPE_DIVISORS);
        TransformerConfig config = new ConfigReader(file, architecture, divisors, tensors).read();
        return ModelAssembly.assemble(file.path(), config, tensors, PackedTensors.NONE, name -> false);
    }

    /** The Hugging Face name of a tensor, or its own where it has none. */
    private static String huggingFaceName(String name) {
        if (name.startsWith("blk.")) {
            int layerEnd = name.indexOf('.', 4);
            int suffix = name.lastIndexOf('.');
            String part = layerEnd < suffix ? PARTS.get(name.substring(layerEnd + 1, suffix)) : null;
            if (part != null) {
                return "model.layers." + name.substring(4, layerEnd) + "." + part + name.substring(suffix);
            }
        }
        return WHOLES.getOrDefault(name, name);
    }

    private static String ggufName(String name) {
        for (Map.Entry<String, String> whole : WHOLES.entrySet()) {
            if (whole.getValue().equals(name)) {
                return whole.getKey();
            }
        }
        String inLayer = name.substring("model.layers.".length());
        int layerEnd = inLayer.indexOf('.');
        int suffix = inLayer.lastIndexOf('.');
        for (Map.Entry<String, String> part : PARTS.entrySet()) {
            if (part.getValue().equals(inLayer.substring(layerEnd + 1, suffix))) {
                return "blk." + inLayer.substring(0, layerEnd + 1) + part.getKey() + inLayer.substring(suffix);
            }
        }
        throw new IllegalArgumentException("the tensor " + name + " has no name in GGUF files");
    }

    /**
     * The vocabulary that a file carries.
     *
     * @throws ModelFormatException if it carries none, or one whose values have the wrong types
     */
    public static GgufTokenizer.Vocabulary vocabulary(Path file, GgufMetadata metadata) throws ModelFormatException {
        String prefix = "tokenizer.ggml.";
        if (!metadata.has(prefix + "model")) {
            throw new ModelFormatException(file, -1, "this file carries no tokenizer; name one with --tokenizer");
        }
        List<Float> scores = new ArrayList<>();
        if (metadata.has(prefix + "scores")) {
            for (float score : metadata.floats(prefix + "scores")) {
                scores.add(score);
            }
        }
        return new GgufTokenizer.Vocabulary(
                file,
                metadata.string(prefix + "model"),
                metadata.has(prefix + "pre") ? metadata.string(prefix + "pre") : "",
                metadata.strings(prefix + "tokens"),
                scores,
                metadata.has(prefix + "token_type")
                        ? Arrays.stream(metadata.integers(prefix + "token_type"))
                                .boxed()
                                .toList()
                        : List.of(),
                metadata.has(prefix + "merges") ? metadata.strings(prefix + "merges") : List.of(),
                metadata.integer(prefix + "bos_token_id", -1),
                metadata.integer(prefix + "eos_token_id", -1),
                metadata.truth(prefix + "add_space_prefix", true));
    }

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
            matrices.put(ggufName(matrix.getKey()), forms.of(matrix.getKey(), matrix.getValue()));
        }
        GgufWriter writer = new GgufWriter();
        describe(writer, config, qwen ? "qwen2" : "llama", matrices.values());
        metadata.forEach(writer::put);
        describeTokens(writer, config);
        if (config.rope().scaling() != null) {
            float[] divisors = divisors(config.rope(), config.headSize());
            writer.addVector(ROPE_DIVISORS, Tensor.of(divisors, divisors.length));
        }
        matrices.forEach((name, form) -> writer.addMatrix(name, form.matrix, form.type));
        model.vectors().forEach((name, vector) -> writer.addVector(ggufName(name), vector));
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
        writer.put(ARCHITECTURE, architecture);
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
        if (!writer.has(BOS) && config.beginOfSequence() >= 0) {
            writer.put(BOS, config.beginOfSequence());
        }
        if (!writer.has(EOS) && config.endOfSequence() >= 0) {
            writer.put(EOS, config.endOfSequence());
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

    /** Reads the shape of a model from metadata and from which tensors there are. */
    private static final class ConfigReader {
        private final Gguf file;
        private final GgufMetadata metadata;
        private final String architecture;
        private final StoredTensor divisors;
        private final Map<String, StoredTensor> tensors;

        ConfigReader(Gguf file, String architecture, StoredTensor divisors, Map<String, StoredTensor> tensors) {
            this.file = file;
            this.metadata = file.metadata();
            this.architecture = architecture;
            this.divisors = divisors;
            this.tensors = tensors;
        }

        TransformerConfig read() throws ModelFormatException {
            if (metadata.integer(key("expert_count"), 0) > 0) {
                throw metadata.malformed(key("expert_count"), "tells of experts, which are not supported");
            }
            int hidden = positive("embedding_length");
            int heads = headCount("attention.head_count", 0);
            int headSize = metadata.integer(key("attention.key_length"), hidden / heads);
            requireSame("attention.value_length", headSize);
            requireSame("rope.dimension_count", headSize);
            StoredTensor embedding = tensors.get("model.embed_tokens.weight");
            if (embedding == null || embedding.shape().getFirst() > Integer.MAX_VALUE) {
                throw new ModelFormatException(file.path(), -1, "the tensor \"token_embd.weight\" is missing");
            }
            float epsilon = (float) metadata.real(key("attention.layer_norm_rms_epsilon"));
            if (!(epsilon > 0) || epsilon > 1) {
                throw metadata.malformed(key("attention.layer_norm_rms_epsilon"), "must lie between 0 and 1");
            }
            try {
                return new TransformerConfig(
                        embedding.shape().getFirst().intValue(),
                        hidden,
                        positive("feed_forward_length"),
                        positive("block_count"),
                        heads,
                        headCount("attention.head_count_kv", heads),
                        headSize,
                        positive("context_length"),
                        epsilon,
                        readRope(headSize),
                        !tensors.containsKey("lm_head.weight"),
                        tensors.containsKey("model.layers.0.self_attn.q_proj.bias"),
                        metadata.integer(BOS, -1),
                        metadata.integer(EOS, -1));
            } catch (IllegalArgumentException e) {
                throw new ModelFormatException(file.path(), -1, e.getMessage());
            }
        }

        private RopeConfig readRope(int headSize) throws ModelFormatException {
            String scalingType = key("rope.scaling.type");
            if (metadata.has(scalingType) && !metadata.string(scalingType).equals("none")) {
                throw metadata.malformed(
                        scalingType,
                        "is " + MappedFile.quoted(metadata.string(scalingType)) + ", which is not supported");
            }
            double theta = metadata.real(key("rope.freq_base"), 10_000);
            if (!(theta > 0) || !Double.isFinite(theta)) {
                throw metadata.malformed(key("rope.freq_base"), "must be a positive number");
            }
            boolean interleaved = architecture.equals("llama");
            if (divisors == null) {
                return new RopeConfig(theta, interleaved, null);
            }
            if (headSize < 2 || headSize % 2 != 0) {
                throw metadata.malformed(key("attention.key_length"), "must be even");
            }
            // The shape is checked before an array of that size is made.
            float[] given = divisors.vector(headSize / 2).array();
            int context = metadata.integer(key("rope.scaling.original_context_length"), LLAMA3_CONTEXT);
            return new RopeConfig(theta, interleaved, new ScalingFit(theta, given, context).find(divisors));
        }

        private String key(String name) {
            return architecture + "." + name;
        }

        private int positive(String name) throws ModelFormatException {
            return requirePositive(name, metadata.integer(key(name)));
        }

        private int requirePositive(String name, int number) throws ModelFormatException {
            if (number <= 0) {
                throw metadata.malformed(key(name), "must be positive, not " + number);
            }
            return number;
        }

        private void requireSame(String name, int headSize) throws ModelFormatException {
            int value = metadata.integer(key(name), headSize);
            if (value != headSize) {
                throw metadata.malformed(
                        key(name), "is " + value + ", where only the head size of " + headSize + " is supported");
            }
        }

        /** A number of heads, which may be written as a list with a number for each layer. */
        private int headCount(String name, int otherwise) throws ModelFormatException {
            if (!metadata.has(key(name)) && otherwise > 0) {
                return otherwise;
            }
            if (!(metadata.get(key(name)) instanceof int[] each)) {
                return positive(name);
            }
            if (each.length == 0 || Arrays.stream(each).anyMatch(heads -> heads != each[0])) {
                throw metadata.malformed(key(name), "differs between layers, which is not supported");
            }
            return requirePositive(name, each[0]);
        }
    }

    /**
     * Finds Llama 3's rule again in the divisors that it gave. Between the two thresholds, what is kept of a
     * frequency is linear in the frequency: kept = slope · frequency + shift; two pairs tell the line.
     */
    private static final class ScalingFit {
        private static final double TOLERANCE = 1e-4;
        private static final MathContext DIGITS = new MathContext(6);

        private final double[] frequencies;
        private final float[] divisors;
        private final int context;
        private final double factor;

        ScalingFit(double theta, float[] divisors, int context) {
            this.frequencies = Rope.inverseFrequencies(2 * divisors.length, theta);
            this.divisors = divisors;
            this.context = context;
            double largest = 1;
            for (float divisor : divisors) {
                largest = Math.max(largest, divisor);
            }
            factor = largest;
        }

        /** The rule, or null where nothing is divided. */
        Llama3Scaling find(StoredTensor tensor) throws ModelFormatException {
            if (follows(null)) {
                return null;
            }
            List<Integer> slope = IntStream.range(0, divisors.length)
                    .filter(i -> kept(i) > 0 && kept(i) < 1)
                    .boxed()
                    .toList();
            List<Llama3Scaling> candidates;
            if (slope.size() > 1) {
                candidates = List.of(through(slope.getFirst(), slope.getLast()));
            } else if (slope.size() == 1) {
                // The pairs beside it are whole or fully stretched; the line meets one of them, and passes the other.
                candidates = List.of(
                        through(slope.getFirst() - 1, slope.getFirst()),
                        through(slope.getFirst(), slope.getFirst() + 1));
            } else {
                int whole = (int) IntStream.range(0, divisors.length)
                        .takeWhile(i -> kept(i) == 1)
                        .count();
                candidates = List.of(through(whole - 1, whole));
            }
            for (Llama3Scaling candidate : candidates) {
                if (follows(candidate)) {
                    return candidate;
                }
            }
            throw tensor.malformed("does not follow Llama 3's rule, the only scaling of rotary frequencies supported");
        }

        private double kept(int i) {
            return (1 / (double) divisors[i] - 1 / factor) / (1 - 1 / factor);
        }

        /** The rule whose line meets two neighbours; one that nothing follows where there are no such two. */
        private Llama3Scaling through(int i, int j) {
            if (i < 0 || j >= divisors.length) {
                return new Llama3Scaling(Double.NaN, 0, 1, context);
            }
            double slope = (kept(i) - kept(j)) / (frequencies[i] - frequencies[j]);
            double shift = kept(i) - slope * frequencies[i];
            double width = context / (2 * Math.PI * slope);
            return new Llama3Scaling(rounded(factor), rounded(-shift * width), rounded((1 - shift) * width), context);
        }

        private static double rounded(double value) {
            return Double.isFinite(value) ? new BigDecimal(value).round(DIGITS).doubleValue() : Double.NaN;
        }

        private boolean follows(Llama3Scaling rule) {
            double[] stretched = frequencies.clone();
            if (rule != null) {
                rule.apply(stretched);
            }
            for (int i = 0; i < divisors.length; i++) {
                double expected = frequencies[i] / stretched[i];
                // Written so that NaN does not pass.
                if (!(Math.abs(divisors[i] - expected) <= TOLERANCE * expected)) {
                    return false;
                }
            }
            return true;
        }
    }
}
