package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import parsimony.core.AtomicFile;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A model as Hugging Face keeps it: {@code config.json} beside {@code model.safetensors}, or beside shards with
 * {@code model.safetensors.index.json}. Llama, Mistral and Qwen2 are read; rotary pairs are (i, i + headSize / 2).
 * The tokenizer's files are left alone.
 */
public final class HuggingFaceFolder {
    /** The name of a folder's configuration. */
    public static final String CONFIG = "config.json";

    /** Hugging Face's usual bound of one file. */
    public static final long SHARD_BYTES = 5_000_000_000L;

    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final long MAXIMUM_CONFIG = 10_000_000;
    private static final long MAXIMUM_INDEX = 100_000_000;
    private static final Map<String, String> ARCHITECTURES =
            Map.of("LlamaForCausalLM", "llama", "MistralForCausalLM", "mistral", "Qwen2ForCausalLM", "qwen2");

    private HuggingFaceFolder() {}

    /**
     * Maps the folder's weights and puts the model together; the weights stay where they lie.
     *
     * @throws ModelFormatException if a file is malformed or the model is none that is supported
     */
    public static Transformer load(Path folder) throws IOException {
        Path configFile = folder.resolve(CONFIG);
        Json json = Json.read(configFile, MAXIMUM_CONFIG);
        TransformerConfig config = readConfig(json);
        Path index = folder.resolve(INDEX);
        Path single = folder.resolve(WEIGHTS);
        Path described = Files.exists(single) || !Files.exists(index) ? single : index;
        Map<String, StoredTensor> tensors =
                described.equals(single) ? SafeTensors.open(single).tensors() : readShards(folder, index);
        requireZeroOutputBiases(tensors);
        PackedTensors packed = PackedTensors.read(json, tensors);
        return ModelAssembly.assemble(described, config, tensors, packed, name -> isHarmless(name, config));
    }

    private static TransformerConfig readConfig(Json json) throws ModelFormatException {
        String architecture = architecture(json);
        if (json.has(PackedTensors.FIELD) && !PackedTensors.describes(json)) {
            throw refused(json, "checkpoints that are already quantized are not supported; use the original one");
        }
        String activation = json.string("hidden_act", "silu");
        if (!activation.equals("silu")) {
            throw refused(json, "the activation " + MappedFile.quoted(activation) + " is not supported, only silu");
        }
        if (json.truth("mlp_bias", false)) {
            throw refused(json, "biases in the feed-forward layer (mlp_bias) are not supported");
        }
        if (json.truth("use_sliding_window", false)) {
            throw refused(json, "attention with a sliding window in some layers (use_sliding_window) is not supported");
        }
        int hidden = json.positive("hidden_size");
        int heads = json.positive("num_attention_heads");
        if (!json.has("head_dim") && hidden % heads != 0) {
            throw refused(json, heads + " heads do not divide a hidden size of " + hidden + ", so head_dim is needed");
        }
        int context = json.positive("max_position_embeddings", 2048);
        if (architecture.equals("mistral")) {
            // Up to the window's length, attention with the window and without it are the same.
            context = Math.min(context, json.positive("sliding_window", context));
        }
        boolean bias = architecture.equals("qwen2") || json.truth("attention_bias", false);
        try {
            return new TransformerConfig(
                    json.positive("vocab_size"),
                    hidden,
                    json.positive("intermediate_size"),
                    json.positive("num_hidden_layers"),
                    heads,
                    json.positive("num_key_value_heads", heads),
                    json.positive("head_dim", hidden / heads),
                    context,
                    (float) json.real("rms_norm_eps", 1e-6),
                    readRope(json),
                    json.truth("tie_word_embeddings", false),
                    bias,
                    json.token("bos_token_id"),
                    json.token("eos_token_id"));
        } catch (IllegalArgumentException e) {
            throw refused(json, e.getMessage());
        }
    }

    private static String architecture(Json json) throws ModelFormatException {
        String type = json.string("model_type", "");
        if (!type.isEmpty() && !ARCHITECTURES.containsValue(type)) {
            throw ModelAssembly.unsupportedArchitecture(json.file(), -1, type);
        }
        JsonNode names = json.node().get("architectures");
        JsonNode first = names == null ? null : names.get(0);
        if (first == null || !first.isString()) {
            if (type.isEmpty()) {
                throw refused(json, "it names no architecture; supported: " + ModelAssembly.SUPPORTED);
            }
            return type;
        }
        String named = ARCHITECTURES.get(first.stringValue());
        if (named == null) {
            throw ModelAssembly.unsupportedArchitecture(json.file(), -1, first.stringValue());
        }
        return named;
    }

    /**
     * Reads {@code rope_theta} and {@code rope_scaling}, or {@code rope_parameters}, which holds both in newer files.
     */
    private static RopeConfig readRope(Json json) throws ModelFormatException {
        if (json.real("partial_rotary_factor", 1) != 1) {
            throw refused(json, "rotating a part of each head (partial_rotary_factor) is not supported");
        }
        boolean together = json.has("rope_parameters");
        Json base = together ? json.object("rope_parameters") : json;
        double theta = base.real("rope_theta", json.real("rope_theta", 10_000));
        if (!together && !json.has("rope_scaling")) {
            return new RopeConfig(theta, false, null);
        }
        Json scaling = together ? base : json.object("rope_scaling");
        String type = scaling.string("rope_type", scaling.string("type", "default"));
        return switch (type) {
            case "default" -> new RopeConfig(theta, false, null);
            case "llama3" -> new RopeConfig(theta, false, readScaling(scaling));
            default ->
                throw refused(
                        json, "the rotary scaling " + MappedFile.quoted(type) + " is not supported; supported: llama3");
        };
    }

    private static Llama3Scaling readScaling(Json json) throws ModelFormatException {
        double low = json.real("low_freq_factor");
        double high = json.real("high_freq_factor");
        if (low >= high) {
            throw refused(json, "low_freq_factor must be less than high_freq_factor");
        }
        return new Llama3Scaling(json.real("factor"), low, high, json.positive("original_max_position_embeddings"));
    }

    /** Llama's {@code attention_bias} also means a bias of the attention's output, for which the model has no place. */
    private static void requireZeroOutputBiases(Map<String, StoredTensor> tensors) throws ModelFormatException {
        for (Map.Entry<String, StoredTensor> entry : tensors.entrySet()) {
            if (entry.getKey().endsWith("self_attn.o_proj.bias")) {
                for (float value : entry.getValue().vector().array()) {
                    if (value != 0) {
                        throw entry.getValue().malformed("is a bias of the attention's output, which is not supported");
                    }
                }
            }
        }
    }

    private static boolean isHarmless(String name, TransformerConfig config) {
        return name.endsWith("rotary_emb.inv_freq")
                || name.endsWith("self_attn.o_proj.bias")
                || (config.tiedEmbeddings() && name.equals("lm_head.weight"));
    }

    private static Map<String, StoredTensor> readShards(Path folder, Path index) throws IOException {
        JsonNode places = Json.read(index, MAXIMUM_INDEX).object("weight_map").node();
        Map<String, SafeTensors> shards = new LinkedHashMap<>();
        Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> place : places.properties()) {
            if (!place.getValue().isString()) {
                throw new ModelFormatException(
                        index, -1, "the place of " + MappedFile.quoted(place.getKey()) + " is not a file name");
            }
            String shardName = place.getValue().stringValue();
            SafeTensors shard = shards.get(shardName);
            if (shard == null) {
                shard = SafeTensors.open(folder.resolve(requireFileName(index, shardName)));
                shards.put(shardName, shard);
            }
            tensors.put(place.getKey(), shard.tensor(place.getKey()));
        }
        return tensors;
    }

    /** A shard lies in the folder itself. A path in its name could reach any file of the machine; a name too long or unprintable reaches none. */
    private static String requireFileName(Path index, String name) throws ModelFormatException {
        if (!name.matches("[ -~&&[^/\\\\:]]{1,200}\\.safetensors")) {
            throw new ModelFormatException(
                    index,
                    -1,
                    "the shard name " + MappedFile.quoted(name) + " is no name of a .safetensors file in this folder");
        }
        return name;
    }

    /**
     * Writes a model as Llama or, if it has biases, Qwen2; each file appears only when it is whole, the configuration
     * last. Weights of any storage are decoded.
     *
     * @param folder is made if need be; files of an earlier model in it are replaced
     * @throws ModelFormatException if the model cannot be expressed in this format
     */
    public static void save(Transformer transformer, Path folder, DataType type) throws IOException {
        save(transformer, folder, type, SHARD_BYTES);
    }

    /** Writes a model with at most {@code shardBytes} of weights a file, unless a single matrix is larger. */
    public static void save(Transformer transformer, Path folder, DataType type, long shardBytes) throws IOException {
        ExportedModel model = new ExportedModel(folder, transformer, false);
        List<List<TensorPart>> parts = new ArrayList<>();
        model.matrices().forEach((name, matrix) -> parts.add(List.of(TensorPart.matrix(name, type, matrix))));
        model.vectors().forEach((name, vector) -> parts.add(List.of(TensorPart.vector(name, type, vector))));
        write(folder, parts, shardBytes, config(transformer.config(), type));
    }

    /**
     * Writes a model in the form in which it is kept: compressed matrices packed, plain numbers in their own format. The rest is as with {@link #save(Transformer, Path,
     * DataType)}.
     *
     * @param named the folder's name in messages, where it is to be moved later
     * @param type a format for all plain numbers and for the matrices that have no packed form here; null to keep each in its own and to refuse the others
     */
    static void saveAsKept(Transformer transformer, Path folder, Path named, DataType type) throws IOException {
        ExportedModel model = new ExportedModel(named, transformer, false);
        List<List<TensorPart>> parts = new ArrayList<>();
        Map<String, WeightStorage> compressed = new LinkedHashMap<>();
        for (Map.Entry<String, WeightStorage> entry : model.matrices().entrySet()) {
            String name = entry.getKey();
            WeightStorage packed = StoredForm.packed(entry.getValue());
            DataType numbers = type == null ? StoredForm.dataType(entry.getValue()) : type;
            if (packed != null) {
                compressed.put(name, packed);
                parts.add(PackedTensors.parts(name, packed));
            } else if (numbers != null) {
                parts.add(List.of(TensorPart.matrix(name, numbers, entry.getValue())));
            } else {
                throw StoredForm.unpackable(named, name, entry.getValue());
            }
        }
        DataType common = type == null ? StoredForm.dataType(transformer.embedding()) : type;
        model.vectors().forEach((name, vector) -> {
            DataType numbers = common != null && (type != null || holds(common, vector)) ? common : DataType.F32;
            parts.add(List.of(TensorPart.vector(name, numbers, vector)));
        });
        Map<String, Object> config = config(transformer.config(), common == null ? DataType.F32 : common);
        if (!compressed.isEmpty()) {
            config.put(PackedTensors.FIELD, PackedTensors.describe(compressed));
        }
        write(folder, parts, SHARD_BYTES, config);
    }

    /** Whether a format holds all numbers without rounding. */
    private static boolean holds(DataType type, Tensor vector) {
        for (float value : vector.array()) {
            if (type.round(value) != value) {
                return false;
            }
        }
        return true;
    }

    /** @param parts each entry's tensors go to the same file */
    private static void write(Path folder, List<List<TensorPart>> parts, long shardBytes, Map<String, Object> config)
            throws IOException {
        Files.createDirectories(folder);
        List<Shard> shards = split(parts, shardBytes);
        Map<String, String> metadata = Map.of("format", "pt");
        Set<String> written = new TreeSet<>();
        if (shards.size() == 1) {
            written.add(WEIGHTS);
            SafeTensors.write(folder.resolve(WEIGHTS), shards.getFirst().parts, metadata);
        } else {
            Map<String, String> places = new LinkedHashMap<>();
            for (int i = 0; i < shards.size(); i++) {
                Shard shard = shards.get(i);
                String name = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
                written.add(name);
                SafeTensors.write(folder.resolve(name), shard.parts, metadata);
                shard.parts.forEach(part -> places.put(part.name(), name));
            }
            long total = shards.stream().mapToLong(shard -> shard.bytes).sum();
            written.add(INDEX);
            writeJson(folder.resolve(INDEX), Map.of("metadata", Map.of("total_size", total), "weight_map", places));
        }
        removeEarlierWeights(folder, written);
        writeJson(folder.resolve(CONFIG), config);
    }

    private static List<Shard> split(List<List<TensorPart>> parts, long limit) {
        List<Shard> shards = new ArrayList<>();
        shards.add(new Shard());
        for (List<TensorPart> together : parts) {
            long bytes = together.stream().mapToLong(TensorPart::bytes).sum();
            if (shards.getLast().bytes > 0 && shards.getLast().bytes + bytes > limit) {
                shards.add(new Shard());
            }
            shards.getLast().bytes += bytes;
            shards.getLast().parts.addAll(together);
        }
        return shards;
    }

    /** A folder that held a model of another number of shards would be read wrongly if they stayed. */
    private static void removeEarlierWeights(Path folder, Set<String> written) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                boolean weights = name.equals(WEIGHTS)
                        || name.equals(INDEX)
                        || name.matches("model-\\d{5}-of-\\d{5}\\.safetensors");
                if (weights && !written.contains(name)) {
                    Files.delete(file);
                }
            }
        }
    }

    private static Map<String, Object> config(TransformerConfig config, DataType type) {
        Map<String, Object> json = new LinkedHashMap<>();
        boolean qwen = config.projectionBias();
        // Hugging Face's Llama refuses heads that do not divide the hidden size; its Mistral computes the same.
        boolean mistral = !qwen && config.hiddenSize() % config.heads() != 0;
        String family = qwen ? "Qwen2" : mistral ? "Mistral" : "Llama";
        json.put("architectures", List.of(family + "ForCausalLM"));
        json.put("model_type", family.toLowerCase(Locale.ROOT));
        json.put("vocab_size", config.vocabularySize());
        json.put("hidden_size", config.hiddenSize());
        json.put("intermediate_size", config.intermediateSize());
        json.put("num_hidden_layers", config.layers());
        json.put("num_attention_heads", config.heads());
        json.put("num_key_value_heads", config.keyValueHeads());
        json.put("head_dim", config.headSize());
        json.put("max_position_embeddings", config.contextLength());
        json.put("hidden_act", "silu");
        // Through text, so that 1e-5 is not written as the float's neighbour in double precision.
        json.put("rms_norm_eps", Double.valueOf(Float.toString(config.normEpsilon())));
        json.put("rope_theta", config.rope().theta());
        Llama3Scaling scaling = config.rope().scaling();
        json.put("rope_scaling", scaling == null ? null : ropeScaling(scaling));
        json.put("tie_word_embeddings", config.tiedEmbeddings());
        json.put("bos_token_id", config.beginOfSequence() < 0 ? null : config.beginOfSequence());
        json.put("eos_token_id", config.endOfSequence() < 0 ? null : config.endOfSequence());
        json.put("initializer_range", 0.02);
        json.put("attention_dropout", 0.0);
        if (qwen) {
            json.put("use_sliding_window", false);
        } else if (mistral) {
            json.put("sliding_window", null);
        } else {
            json.put("attention_bias", false);
            json.put("mlp_bias", false);
        }
        json.put("use_cache", true);
        json.put(
                "torch_dtype",
                switch (type) {
                    case F32 -> "float32";
                    case F16 -> "float16";
                    case BF16 -> "bfloat16";
                });
        return json;
    }

    private static Map<String, Object> ropeScaling(Llama3Scaling scaling) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("rope_type", "llama3");
        json.put("factor", scaling.factor());
        json.put("low_freq_factor", scaling.lowFrequencyFactor());
        json.put("high_freq_factor", scaling.highFrequencyFactor());
        json.put("original_max_position_embeddings", scaling.originalContext());
        return json;
    }

    private static void writeJson(Path file, Map<String, ?> contents) throws IOException {
        JsonMapper mapper =
                JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
        AtomicFile.write(file, mapper.writeValueAsBytes(contents));
    }

    private static ModelFormatException refused(Json json, String reason) {
        return new ModelFormatException(json.file(), -1, reason);
    }

    /** The tensors of one file. */
    private static final class Shard {
        private final List<TensorPart> parts = new ArrayList<>();
        private long bytes;
    }
}
