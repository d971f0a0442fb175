package parsimony.core.io;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.text.GgufTokenizer;

/**
 * Reads a transformer from a GGUF file. The architecture {@code llama} (Mistral's files use it too) has interleaved rotary
 * pairs (2i, 2i + 1); {@code qwen2} has pairs (i, i + headSize / 2) and biases on queries, keys and values.
 */
public final class GgufModel {
    /** Llama 3's own context, which its files do not tell; any other would describe the same divisors. */
    private static final int LLAMA3_CONTEXT = 8192;

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
        String architecture = metadata.string(GgufNames.ARCHITECTURE);
        if (!architecture.equals("llama") && !architecture.equals("qwen2")) {
            throw metadata.unsupportedArchitecture(GgufNames.ARCHITECTURE, architecture);
        }
        Map<String, StoredTensor> tensors = new LinkedHashMap<>();
        file.tensors().forEach((name, tensor) -> tensors.put(GgufNames.huggingFace(name), tensor));
        StoredTensor divisors = tensors.remove(GgufNames.ROPE_DIVISORS);
        TransformerConfig config = new ConfigReader(file, architecture, divisors, tensors).read();
        return ModelAssembly.assemble(file.path(), config, tensors, PackedTensors.NONE, name -> false);
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
                        metadata.integer(GgufNames.BEGIN_OF_SEQUENCE, -1),
                        metadata.integer(GgufNames.END_OF_SEQUENCE, -1));
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
            return new RopeConfig(theta, interleaved, new RopeScalingFit(theta, given, context).find(divisors));
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
}
