package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import parsimony.core.io.ModelFile.Format;
import parsimony.core.model.Transformer;
import parsimony.core.tensor.DataType;

class ModelFileTest {
    @TempDir
    Path folder;

    @Test
    void knowsEachFormatWithoutBeingTold() throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(true, true, false, null), 14);
        Path huggingFace = folder.resolve("hf");
        HuggingFaceFolder.save(model, huggingFace, DataType.F32);
        Path gguf = folder.resolve("named as nothing");
        GgufExport.save(model, gguf, GgufType.F32, Map.of(), Progress.NONE);
        Path llama2c = folder.resolve("model.bin");
        Files.write(llama2c, Llama2cTest.legacy(model));

        assertThat(ModelFile.open(huggingFace).format()).isEqualTo(Format.HUGGING_FACE);
        assertThat(ModelFile.open(huggingFace.resolve("model.safetensors")).path())
                .isEqualTo(huggingFace);
        assertThat(ModelFile.open(gguf).format()).isEqualTo(Format.GGUF);
        assertThat(ModelFile.open(gguf).metadata().string("general.architecture"))
                .isEqualTo("llama");
        assertThat(ModelFile.open(llama2c).format()).isEqualTo(Format.LLAMA2C);
        assertThat(ModelFile.open(llama2c).metadata()).isNull();
    }

    @Test
    void refusesWhatIsNoModel() throws IOException {
        Path text = Files.writeString(folder.resolve("model.txt"), "words");
        Path empty = Files.createFile(folder.resolve("model.bin"));
        assertThatThrownBy(() -> ModelFile.open(text))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("this is no model");
        assertThatThrownBy(() -> ModelFile.open(empty)).isInstanceOf(ModelFormatException.class);
        assertThatThrownBy(() -> ModelFile.open(folder)).hasMessageContaining("config.json: there is no such file");
        assertThatThrownBy(() -> ModelFile.open(folder.resolve("none"))).hasMessageContaining("no such file or folder");
    }
}
