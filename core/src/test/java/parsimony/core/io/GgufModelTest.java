package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Rope;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.BlockFormat;
import parsimony.core.tensor.BlockStorage;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.WeightStorage;

class GgufModelTest {
    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void choosePath() {
        path = folder.resolve("model.gguf");
    }

    @ParameterizedTest
    @CsvSource({
        "false,false,false,false", "true,false,false,false", "false,true,false,false", "false,false,true,false",
        "true,false,true,false", "false,false,false,true", "true,true,false,true", "false,false,true,true"
    })
    void readsBackTheSameModel(boolean interleaved, boolean tied, boolean bias, boolean scaled) throws IOException {
        TransformerConfig config = TinyModels.config(interleaved, tied, bias, scaled ? TinyModels.scaling() : null);
        Transformer model = TinyModels.random(config, 4);

        save(model, GgufType.F32);

        Transformer read = GgufModel.load(path);
        assertThat(TinyModels.largestDifference(TinyModels.logits(read), TinyModels.logits(model)))
                .isLessThan(1e-5f);
        boolean qwen = bias && !scaled;
        assertThat(Gguf.open(path).metadata().string("general.architecture")).isEqualTo(qwen ? "qwen2" : "llama");
        assertThat(read.config().rope()).isEqualTo(new RopeConfig(10_000, !qwen, scaled ? TinyModels.scaling() : null));
        assertThat(read.config().tiedEmbeddings()).isEqualTo(tied);
    }

    @ParameterizedTest
    @EnumSource(GgufType.class)
    void writesEachNumberFormat(GgufType type) throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(true, false, false, null), 5);
        if (!type.canWrite()) {
            assertThatThrownBy(() -> save(model, type)).hasMessageContaining(type + " can be read, not written");
            assertThat(folder).isEmptyDirectory();
            return;
        }

        save(model, type);

        Transformer read = GgufModel.load(path);
        for (int i = 0; i < model.linears().size(); i++) {
            WeightStorage before = model.linears().get(i).weight();
            WeightStorage after = read.linears().get(i).weight();
            assertThat(after.format()).isEqualToIgnoringCase(type.name());
            assertThat(TinyModels.largestDifference(
                            before.decode().array(), after.decode().array()))
                    .isLessThan(type.blocks == null ? 0.005f : 0.15f);
        }
    }

    @Test
    void blocksOfTheSameFormatAreCopiedAsTheyAre() throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(false, false, false, null), 6);
        model.linears().forEach(linear -> linear.setWeight(BlockStorage.of(BlockFormat.Q4_0, linear.weight())));

        save(model, GgufType.Q4_0);

        Transformer read = GgufModel.load(path);
        BlockStorage before = (BlockStorage) model.linears().get(3).weight();
        BlockStorage after = (BlockStorage) read.linears().get(3).weight();
        assertThat(after.data().toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(before.data().toArray(ValueLayout.JAVA_BYTE));
        BlockStorage queries = (BlockStorage) model.linears().getFirst().weight();
        BlockStorage reordered = (BlockStorage) read.linears().getFirst().weight();
        assertThat(reordered.row(1).toArray(ValueLayout.JAVA_BYTE))
                .isEqualTo(queries.row(8).toArray(ValueLayout.JAVA_BYTE));
    }

    @Test
    void rowsThatAreNoMultipleOfTheBlockAreWrittenInHalfPrecision() throws IOException {
        TransformerConfig odd = new TransformerConfig(
                64, 64, 100, 1, 4, 2, 16, 128, 1e-5f, new RopeConfig(10_000, true, null), false, false, -1, -1);

        save(TinyModels.random(odd, 7), GgufType.Q8_0);

        Transformer read = GgufModel.load(path);
        assertThat(read.linears().get(6).weight().format()).isEqualTo("f16");
        assertThat(read.linears().get(5).weight().format()).isEqualTo("q8_0");
        assertThat(read.config()).isEqualTo(odd);
    }

    @Test
    void goesToHuggingFaceAndBack() throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(false, true, false, TinyModels.scaling()), 8);
        save(model, GgufType.F32);

        HuggingFaceFolder.save(GgufModel.load(path), folder.resolve("hf"), DataType.F32);

        Transformer read = HuggingFaceFolder.load(folder.resolve("hf"));
        assertThat(read.config()).isEqualTo(model.config());
        assertThat(TinyModels.logits(read)).containsExactly(TinyModels.logits(model));
    }

    @ParameterizedTest
    @CsvSource({
        "64, 500000, 32, 1, 4, 8192", "128, 500000, 8, 1, 4, 8192", "16, 10000, 8, 1, 4, 64",
        "8, 10000, 4, 1, 1.5, 4096", "8, 10000, 4, 1, 4, 8192", "64, 10000, 2.5, 0.7, 9, 1000"
    })
    void findsTheRotaryScalingAgain(int headSize, double theta, double factor, double low, double high, int context)
            throws IOException {
        RopeConfig rope = new RopeConfig(theta, true, new Llama3Scaling(factor, low, high, context));
        TransformerConfig config =
                new TransformerConfig(8, 32, 32, 1, 1, 1, headSize, 128, 1e-5f, rope, true, false, -1, -1);

        save(TinyModels.random(config, 9), GgufType.F32);

        double[] expected = frequencies(rope, headSize);
        double[] found = frequencies(GgufModel.load(path).config().rope(), headSize);
        for (int i = 0; i < expected.length; i++) {
            assertThat(found[i]).isCloseTo(expected[i], withinPercentage(0.02));
        }
    }

    private static double[] frequencies(RopeConfig rope, int headSize) {
        double[] frequencies = Rope.inverseFrequencies(headSize, rope.theta());
        rope.scaling().apply(frequencies);
        return frequencies;
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1,1,1,1,1,true",
        "2,2,2,2,2,2,2,2,false",
        "1,8,1,8,1,8,1,8,false",
        "0,0,0,0,0,0,0,0,false",
        "1,NaN,1,1,1,1,1,1,false",
        "1,1,1,1,1,1,1,8,true"
    })
    void refusesOtherRotaryDivisors(
            float a, float b, float c, float d, float e, float f, float g, float h, boolean fine) throws IOException {
        rewrite(Map.of(), Map.of("rope_freqs.weight", Tensor.of(new float[] {a, b, c, d, e, f, g, h}, 8)));
        if (fine) {
            assertThat(GgufModel.load(path).config().rope().scaling() == null).isEqualTo(h == 1);
        } else {
            assertRefused("rope_freqs.weight\" does not follow Llama 3's rule");
        }
    }

    @Test
    void handsOverTheTokenizer() throws IOException {
        Map<String, Object> tokenizer = new HashMap<>();
        tokenizer.put("tokenizer.ggml.model", "llama");
        tokenizer.put("tokenizer.ggml.tokens", List.of("<unk>", "<s>"));
        tokenizer.put("tokenizer.ggml.scores", new float[] {0, -1});
        tokenizer.put("tokenizer.ggml.token_type", new int[] {2, 3});
        tokenizer.put("tokenizer.ggml.add_bos_token", true);
        tokenizer.put("tokenizer.ggml.eos_token_id", 5);
        Transformer model = TinyModels.random(TinyModels.config(true, true, false, null), 10);

        GgufExport.save(model, path, GgufType.F16, tokenizer, Progress.NONE);

        GgufMetadata metadata = Gguf.open(path).metadata();
        assertThat(metadata.startingWith("tokenizer."))
                .containsOnlyKeys(
                        "tokenizer.ggml.model",
                        "tokenizer.ggml.tokens",
                        "tokenizer.ggml.scores",
                        "tokenizer.ggml.token_type",
                        "tokenizer.ggml.add_bos_token",
                        "tokenizer.ggml.eos_token_id",
                        "tokenizer.ggml.bos_token_id");
        assertThat(metadata.strings("tokenizer.ggml.tokens")).containsExactly("<unk>", "<s>");
        assertThat(GgufModel.load(path).config().endOfSequence()).isEqualTo(5);
        assertThatThrownBy(
                        () -> GgufExport.save(model, path, GgufType.F16, Map.of("llama.block_count", 3), Progress.NONE))
                .hasMessageContaining("llama.block_count is taken");
    }

    @Test
    void refusesArchitecturesByName() throws IOException {
        rewrite(Map.of("general.architecture", "gemma2"), Map.of());
        assertRefused("architecture \"gemma2\" is not supported; supported: llama, qwen2, mistral");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            llama.expert_count              | 8          | experts
            llama.block_count               | 0          | must be positive
            llama.block_count               | 2000000000 | "model.layers.2.input_layernorm.weight" is missing
            llama.block_count               | 1          | has no place
            llama.attention.head_count      | -1         | must be positive
            llama.attention.head_count      | 3          | do not divide
            llama.attention.head_count_kv   | 4          | has shape
            llama.attention.key_length      | 2000000000 | value_length
            llama.rope.dimension_count      | 8          | rope.dimension_count is 8
            llama.embedding_length          | 65         | has shape
            llama.context_length            | 0          | context_length
            """)
    void refusesWrongShapes(String key, int value, String reason) throws IOException {
        rewrite(Map.of(key, value), Map.of());
        assertRefused(reason);
    }

    @Test
    void refusesWhatItWouldComputeWrongly() throws IOException {
        rewrite(Map.of("llama.rope.scaling.type", "yarn"), Map.of());
        assertRefused("is \"yarn\", which is not supported");
        rewrite(Map.of("llama.attention.layer_norm_rms_epsilon", Float.NaN), Map.of());
        assertRefused("layer_norm_rms_epsilon");
        rewrite(Map.of("llama.rope.freq_base", -1f), Map.of());
        assertRefused("freq_base");
        rewrite(Map.of("llama.attention.head_count_kv", new int[] {2, 1}), Map.of());
        assertRefused("differs between layers");
        rewrite(Map.of(), Map.of("blk.0.attn_output.bias", Tensor.zeros(64)));
        assertRefused("\"blk.0.attn_output.bias\" has no place");
    }

    @Test
    void readsNumbersOfHeadsOfEachLayer() throws IOException {
        rewrite(Map.of("llama.attention.head_count_kv", new int[] {2, 2}), Map.of());
        assertThat(GgufModel.load(path).config().keyValueHeads()).isEqualTo(2);
    }

    /** A model with some metadata replaced and some vectors added. */
    private void rewrite(Map<String, Object> replaced, Map<String, Tensor> added) throws IOException {
        save(TinyModels.random(TinyModels.config(true, false, false, null), 11), GgufType.F32);
        Gguf file = Gguf.open(path);
        Map<String, Object> metadata = file.metadata().startingWith("");
        metadata.putAll(replaced);
        GgufWriter writer = new GgufWriter();
        metadata.forEach(writer::put);
        for (StoredTensor tensor : file.tensors().values()) {
            if (tensor.shape().size() == 2) {
                writer.addMatrix(tensor.name(), tensor.matrix(), GgufType.F32);
            } else {
                writer.addVector(tensor.name(), tensor.vector());
            }
        }
        added.forEach(writer::addVector);
        writer.write(path, Progress.NONE);
    }

    private void save(Transformer model, GgufType type) throws IOException {
        GgufExport.save(model, path, type, Map.of(), Progress.NONE);
    }

    private void assertRefused(String reason) {
        assertThatThrownBy(() -> GgufModel.load(path))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(path.toString())
                .hasMessageContaining(reason);
    }
}
