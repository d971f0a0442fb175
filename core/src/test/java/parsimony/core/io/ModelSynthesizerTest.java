package parsimony.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.io.ModelSynthesizer.Shape;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.Llama3Scaling;

class ModelSynthesizerTest {
    @TempDir
    Path folder;

    @Test
    void writesAModelThatOpens() throws IOException {
        Path file = folder.resolve("tiny.gguf");
        long[] total = new long[1];
        ModelSynthesizer.write(Shape.TINY, GgufType.F32, 1, file, (done, all) -> total[0] = all);

        ModelFile model = ModelFile.open(file);

        assertThat(total[0]).isEqualTo(Files.size(file));
        assertThat(model.transformer().config()).isEqualTo(Shape.TINY.config());
        List<String> tokens = model.metadata().strings("tokenizer.ggml.tokens");
        assertThat(new HashSet<>(tokens)).hasSize(Shape.TINY.config().vocabularySize());
        assertThat(tokens).contains("Ġ", "Ċ", "ab", "<|begin_of_text|>");
        for (String merge : model.metadata().strings("tokenizer.ggml.merges")) {
            assertThat(tokens).contains(merge.replace(" ", ""));
        }
        Transformer made = ModelSynthesizer.model(Shape.TINY, 1);
        assertThat(TinyModels.logits(model.transformer())).containsExactly(TinyModels.logits(made));
    }

    @Test
    void weightsHaveTheDeviationOfAFreshModel() {
        float[] weights =
                ModelSynthesizer.model(Shape.TINY, 3).embedding().decode().array();
        double squares = 0;
        double sum = 0;
        for (float weight : weights) {
            squares += weight * weight;
            sum += weight;
        }
        assertThat(Math.sqrt(squares / weights.length)).isBetween(0.0195, 0.0205);
        assertThat(Math.abs(sum / weights.length)).isLessThan(0.0005);
    }

    @Test
    void theSeedDecides() throws IOException {
        Path one = folder.resolve("one.gguf");
        Path same = folder.resolve("same.gguf");
        Path other = folder.resolve("other.gguf");
        ModelSynthesizer.write(Shape.TINY, GgufType.Q4_0, 1, one, Progress.NONE);
        ModelSynthesizer.write(Shape.TINY, GgufType.Q4_0, 1, same, Progress.NONE);
        ModelSynthesizer.write(Shape.TINY, GgufType.Q4_0, 2, other, Progress.NONE);
        assertThat(one).hasSameBinaryContentAs(same);
        assertThat(Files.mismatch(one, other)).isNotEqualTo(-1);
    }

    @Test
    void namesAreThoseOfRealModels() {
        TransformerConfig llama = Shape.named("llama-3.2-1b").config();
        assertThat(llama.parameters()).isEqualTo(1_235_814_400L);
        assertThat(llama.rope().scaling()).isEqualTo(new Llama3Scaling(32, 1, 4, 8192));
        assertThatThrownBy(() -> Shape.named("gpt-5")).hasMessageContaining("shapes: tiny, llama-3.2-1b");
    }
}
