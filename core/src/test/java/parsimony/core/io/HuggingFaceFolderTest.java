package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.DenseStorage;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class HuggingFaceFolderTest {
    @TempDir
    Path folder;

    private Transformer model;

    @BeforeEach
    void makeModel() {
        model = TinyModels.random(TinyModels.config(false, false, false, null), 1);
    }

    @ParameterizedTest
    @CsvSource({"false,false,false", "true,false,false", "false,true,false", "true,true,true", "false,false,true"})
    void readsBackTheSameModel(boolean tied, boolean bias, boolean scaled) throws IOException {
        TransformerConfig config = TinyModels.config(false, tied, bias, scaled ? TinyModels.scaling() : null);
        model = TinyModels.random(config, 2);

        HuggingFaceFolder.save(model, folder, DataType.F32);

        Transformer read = HuggingFaceFolder.load(folder);
        assertThat(read.config()).isEqualTo(config);
        assertThat(TinyModels.logits(read)).containsExactly(TinyModels.logits(model));
        assertThat(read.linears().getFirst().weight()).isInstanceOf(DenseStorage.class);
    }

    @ParameterizedTest
    @CsvSource({"false", "true"})
    void putsInterleavedPairsInHuggingFaceOrder(boolean bias) throws IOException {
        model = TinyModels.random(TinyModels.config(true, false, bias, null), 3);

        HuggingFaceFolder.save(model, folder, DataType.F32);

        Transformer read = HuggingFaceFolder.load(folder);
        assertThat(read.config().rope().interleaved()).isFalse();
        assertThat(TinyModels.largestDifference(TinyModels.logits(read), TinyModels.logits(model)))
                .isLessThan(1e-5f);
    }

    @Test
    void splitsIntoShardsAndReplacesThem() throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32);
        HuggingFaceFolder.save(model, folder, DataType.F32, 40_000);
        assertThat(folder.resolve("model.safetensors")).doesNotExist();
        assertThat(folder.resolve("model.safetensors.index.json")).exists();
        assertThat(TinyModels.logits(HuggingFaceFolder.load(folder))).containsExactly(TinyModels.logits(model));

        HuggingFaceFolder.save(model, folder, DataType.BF16);
        try (var files = Files.list(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("config.json", "model.safetensors");
        }
    }

    @Test
    void overwritesTheFilesThatTheModelLiesIn() throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32);
        Transformer mapped = HuggingFaceFolder.load(folder);
        float[] before = TinyModels.logits(mapped);

        HuggingFaceFolder.save(mapped, folder, DataType.BF16);

        assertThat(TinyModels.logits(mapped)).containsExactly(before);
    }

    /** As a model has that was robbed of a head. */
    @Test
    void headsNeedNotDivideTheHiddenSize() throws IOException {
        TransformerConfig.RopeConfig rope = new TransformerConfig.RopeConfig(10_000, false, null);
        TransformerConfig three = new TransformerConfig(64, 64, 96, 2, 3, 3, 16, 128, 1e-5f, rope, true, false, 1, 2);
        Transformer written = TinyModels.random(three, 4);

        HuggingFaceFolder.save(written, folder, DataType.F32);

        // Hugging Face's Llama refuses that.
        assertThat(folder.resolve("config.json")).content().contains("MistralForCausalLM");
        Transformer read = HuggingFaceFolder.load(folder);
        assertThat(read.config()).isEqualTo(three);
        assertThat(TinyModels.logits(read)).containsExactly(TinyModels.logits(written));
    }

    @Test
    void roundsToSixteenBits() throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F16);

        Transformer read = HuggingFaceFolder.load(folder);

        float[] weights = model.linears().get(3).weight().decode().array();
        float[] rounded = read.linears().get(3).weight().decode().array();
        for (int i = 0; i < weights.length; i++) {
            assertThat(rounded[i]).isEqualTo(DataType.F16.round(weights[i]));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            "model_type" : "llama" | "model_type" : "gemma2"   | architecture "gemma2" is not supported; supported:
            LlamaForCausalLM             | GPT2LMHeadModel           | architecture "GPT2LMHeadModel" is not supported
            "hidden_size" : 64 | "hidden_size" : -64       | hidden_size
            "hidden_size" : 64 | "hidden_size" : 1e9       | hidden_size
            "hidden_size" : 64 | "hidden_size" : 68        | [64, 64], where the model's configuration wants [64, 68]
            "head_dim" : 16 | "head_dim" : 2000000000   | has shape
            "head_dim" : 16 | "head_dim" : 15           | even head size
            "num_hidden_layers" : 2 | "num_hidden_layers" : 2000000 | "model.layers.2.input_layernorm.weight" is missing
            "num_hidden_layers" : 2 | "num_hidden_layers" : 1   | has no place in this architecture
            "hidden_act" : "silu" | "hidden_act" : "gelu"     | "gelu"
            "rope_scaling" : null | "rope_scaling" : {"rope_type": "yarn", "factor": 2} | "yarn"
            "rope_theta" : 10000.0 | "rope_theta" : "x"        | rope_theta
            "mlp_bias" : false | "mlp_bias" : true         | mlp_bias
            "mlp_bias" : false | "mlp_bias" : false, "mlp_bias" : false | JSON
            "use_cache" : true | "quantization_config" : {} | already quantized
            "vocab_size" : 64 | "vocab_size" : 65         | model.embed_tokens.weight
            """)
    void refusesConfigurationsByName(String field, String changed, String reason) throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32);
        Path config = folder.resolve("config.json");
        String json = Files.readString(config);
        assertThat(json).contains(field);
        Files.writeString(config, json.replace(field, changed));

        assertThatThrownBy(() -> HuggingFaceFolder.load(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(reason)
                .hasMessageContaining(folder.toString());
    }

    @Test
    void readsRopeParametersOfNewerFilesAndListsOfTokens() throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32);
        Path config = folder.resolve("config.json");
        Files.writeString(
                config,
                Files.readString(config)
                        .replace(
                                "\"rope_theta\" : 10000.0",
                                "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"default\"}")
                        .replace("\"eos_token_id\" : 2", "\"eos_token_id\" : [7, 8]")
                        .replace("\"bos_token_id\" : 1", "\"bos_token_id\" : null"));

        TransformerConfig read = HuggingFaceFolder.load(folder).config();

        assertThat(read.rope().theta()).isEqualTo(500_000);
        assertThat(read.endOfSequence()).isEqualTo(7);
        assertThat(read.beginOfSequence()).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({
        "../model.safetensors",
        "/etc/model.safetensors",
        "..",
        "a/b.safetensors",
        "a\\\\b.safetensors",
        "C:x.safetensors",
        "model.bin",
        "''"
    })
    void refusesShardNamesThatAreNoFileInTheFolder(String name) throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32, 1);
        Path index = folder.resolve("model.safetensors.index.json");
        String json = Files.readString(index);
        String first = json.replaceAll("(?s).*?\"(model-[^\"]*)\".*", "$1");
        Files.writeString(index, json.replace(first, name));

        assertThatThrownBy(() -> HuggingFaceFolder.load(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("index.json: the shard name");
    }

    @Test
    void refusesMissingFiles() throws IOException {
        assertThatThrownBy(() -> HuggingFaceFolder.load(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage(folder.resolve("config.json") + ": there is no such file");
        HuggingFaceFolder.save(model, folder, DataType.F32);
        Files.delete(folder.resolve("model.safetensors"));
        assertThatThrownBy(() -> HuggingFaceFolder.load(folder))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage(folder.resolve("model.safetensors") + ": there is no such file");
    }

    @Test
    void refusesModelsThatTheFormatCannotExpress() {
        Linear linear = model.linears().get(5);
        linear.setBias(Tensor.zeros(linear.outputs()));
        assertRefused("cannot express the bias of " + linear.name());
        linear.setBias(null);
        model.linears().getFirst().setBias(Tensor.zeros(64));
        assertRefused("q_proj.bias (unexpected)");
        model.linears().getFirst().setBias(null);
        linear.setWeight(new TensorStorage(Tensor.zeros(95, 64)));
        assertRefused("up_proj.weight (95 × 64)");
        assertThat(folder).isEmptyDirectory();
    }

    private void assertRefused(String reason) {
        assertThatThrownBy(() -> HuggingFaceFolder.save(model, folder, DataType.F32))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining(reason);
    }

    @Test
    void ignoresTensorsThatOldCheckpointsCarryAlong() throws IOException {
        HuggingFaceFolder.save(model, folder, DataType.F32);
        SafeTensors file = SafeTensors.open(folder.resolve("model.safetensors"));
        var matrices = new LinkedHashMap<String, WeightStorage>();
        var vectors = new LinkedHashMap<String, Tensor>();
        for (StoredTensor tensor : file.tensors().values()) {
            if (tensor.shape().size() == 2) {
                matrices.put(tensor.name(), tensor.matrix());
            } else {
                vectors.put(tensor.name(), tensor.vector());
            }
        }
        vectors.put("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor.zeros(8));
        SafeTensors.write(file.path(), DataType.F32, matrices, vectors, file.metadata());

        assertThat(TinyModels.logits(HuggingFaceFolder.load(folder))).containsExactly(TinyModels.logits(model));
        assertThat(List.copyOf(file.tensors().keySet())).contains("lm_head.weight");
    }
}
