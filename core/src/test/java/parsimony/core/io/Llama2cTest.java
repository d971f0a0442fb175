package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.ModelFormatException;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.ForwardContext;
import parsimony.core.model.Sequence;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The format, and a real model in it. The model is not part of this project: where the system property
 * {@code parsimony.shared} names a folder with {@code models/stories260K.bin}, it is compared with what llama2.c
 * itself computes.
 */
class Llama2cTest {
    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void readsALegacyFile(boolean tied) throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(true, tied, false, null), 12);

        Transformer read = parse(legacy(model));

        assertThat(read.config()).isEqualTo(model.config());
        assertThat(TinyModels.logits(read)).containsExactly(TinyModels.logits(model));
    }

    @Test
    void refusesEverySizeButTheRightOne() throws IOException {
        byte[] whole = legacy(TinyModels.random(TinyModels.config(true, true, false, null), 13));
        for (int length = 0; length < whole.length; length += length < 64 ? 1 : 997) {
            byte[] truncated = Arrays.copyOf(whole, length);
            assertThatThrownBy(() -> parse(truncated)).isInstanceOf(ModelFormatException.class);
        }
        assertThatThrownBy(() -> parse(Arrays.copyOf(whole, whole.length + 4)))
                .hasMessageContaining("4 bytes follow the last tensor");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            0x616b3432 | 1  | 1  | 1 | 1 | 1 | 1 | versioned
            0          | 1  | 1  | 1 | 1 | 1 | 1 | hiddenSize
            8          | 1  | 1  | 0 | 1 | 1 | 1 | 0 heads
            8          | 1  | 1  | 3 | 1 | 1 | 1 | 3 heads
            8          | -1 | 1  | 1 | 1 | 1 | 1 | intermediateSize
            8          | 1  | 1  | 1 | 1 | 0x80000000 | 1 | no llama2.c file
            0x7ffffffe | 0x7fffffff | 0x7fffffff | 1 | 1 | 0x7fffffff | 1 | exceed
            0x10000    | 1  | 1  | 1 | 1 | 0x10000 | 1 | file ends after
            """)
    void refusesAbsurdHeaders(
            String hidden,
            String ffn,
            String layers,
            String heads,
            String kv,
            String vocabulary,
            String context,
            String reason) {
        ByteBuffer bytes = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        for (String number : new String[] {hidden, ffn, layers, heads, kv, vocabulary, context}) {
            bytes.putInt(Long.decode(number).intValue());
        }
        assertThatThrownBy(() -> parse(bytes.array()))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("test.bin, byte ")
                .hasMessageContaining(reason);
    }

    @Test
    void computesWhatLlama2cComputes() throws IOException {
        Transformer model = stories();
        JsonNode expected = expected();

        float[] logits = TinyModels.logits(model, ints(expected.get("tokens")));

        for (Map.Entry<String, JsonNode> position : expected.get("logits").properties()) {
            int start = Integer.parseInt(position.getKey()) * 512;
            for (int i = 0; i < 512; i++) {
                assertThat(logits[start + i])
                        .isCloseTo(position.getValue().get(i).floatValue(), within(1e-4f));
            }
        }
    }

    @Test
    void hasThePerplexityThatLlama2cHas() throws IOException {
        Transformer model = stories();
        int[] text = ints(expected().get("text"));

        float[] logits = TinyModels.logits(model, text);

        double negativeLogLikelihood = 0;
        for (int i = 0; i + 1 < text.length; i++) {
            double sum = 0;
            for (int j = 0; j < 512; j++) {
                sum += Math.exp(logits[i * 512 + j]);
            }
            negativeLogLikelihood += Math.log(sum) - logits[i * 512 + text[i + 1]];
        }
        assertThat(Math.exp(negativeLogLikelihood / (text.length - 1)))
                .isCloseTo(expected().get("perplexity").doubleValue(), within(1e-5));
    }

    @Test
    void continuesAsLlama2cDoesInEveryFormat() throws IOException {
        Transformer model = stories();
        int[] expected = ints(expected().get("greedy"));
        Path gguf = folder.resolve("stories.gguf");
        GgufExport.save(model, gguf, GgufType.F32, Map.of(), Progress.NONE);
        HuggingFaceFolder.save(model, folder.resolve("hf"), DataType.F32);

        assertThat(greedy(model, expected.length)).containsExactly(expected);
        assertThat(greedy(GgufModel.load(gguf), expected.length)).containsExactly(expected);
        assertThat(greedy(HuggingFaceFolder.load(folder.resolve("hf")), expected.length))
                .containsExactly(expected);
    }

    private static int[] greedy(Transformer model, int count) {
        Ops ops = new Ops(new ScalarBackend());
        Sequence sequence = model.newSequence();
        int[] tokens = new int[count];
        int token = model.config().beginOfSequence();
        for (int i = 0; i < count; i++) {
            float[] logits =
                    model.forward(ForwardContext.next(ops, sequence, token)).array();
            sequence.commit(1);
            token = 0;
            for (int j = 1; j < logits.length; j++) {
                token = logits[j] > logits[token] ? j : token;
            }
            tokens[i] = token;
        }
        return tokens;
    }

    private static Transformer stories() throws IOException {
        String shared = System.getProperty("parsimony.shared");
        assumeThat(shared).as("-Dparsimony.shared=<folder>").isNotNull();
        Path file = Path.of(shared, "models", "stories260K.bin");
        assumeThat(file).exists();
        ModelFile model = ModelFile.open(file);
        assertThat(model.format()).isEqualTo(ModelFile.Format.LLAMA2C);
        return model.transformer();
    }

    private static JsonNode expected() throws IOException {
        try (InputStream json = Llama2cTest.class.getResourceAsStream("stories260k.json")) {
            return JsonMapper.shared().readTree(json);
        }
    }

    private static int[] ints(JsonNode numbers) {
        return numbers.valueStream().mapToInt(JsonNode::intValue).toArray();
    }

    private static Transformer parse(byte[] bytes) throws IOException {
        return Llama2c.parse(new MappedFile(Path.of("test.bin"), MemorySegment.ofArray(bytes)));
    }

    /** A model as llama2.c's export script lays it out. */
    static byte[] legacy(Transformer model) {
        TransformerConfig config = model.config();
        Map<String, WeightStorage> matrices = model.matrices();
        Map<String, Tensor> vectors = model.vectors();
        ByteBuffer bytes = ByteBuffer.allocate(1 << 20).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(config.hiddenSize()).putInt(config.intermediateSize()).putInt(config.layers());
        bytes.putInt(config.heads()).putInt(config.keyValueHeads());
        bytes.putInt(config.tiedEmbeddings() ? config.vocabularySize() : -config.vocabularySize());
        bytes.putInt(config.contextLength());
        put(bytes, matrices.get("model.embed_tokens.weight").decode());
        for (String part : new String[] {
            "input_layernorm",
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "post_attention_layernorm",
            "mlp.gate_proj",
            "mlp.down_proj",
            "mlp.up_proj"
        }) {
            for (int layer = 0; layer < config.layers(); layer++) {
                String name = "model.layers." + layer + "." + part + ".weight";
                put(
                        bytes,
                        vectors.containsKey(name)
                                ? vectors.get(name)
                                : matrices.get(name).decode());
            }
        }
        put(bytes, vectors.get("model.norm.weight"));
        put(bytes, Tensor.zeros(config.contextLength(), config.headSize()));
        if (!config.tiedEmbeddings()) {
            put(bytes, matrices.get("lm_head.weight").decode());
        }
        return Arrays.copyOf(bytes.array(), bytes.position());
    }

    private static void put(ByteBuffer bytes, Tensor tensor) {
        for (float value : tensor.array()) {
            bytes.putFloat(value);
        }
    }
}
