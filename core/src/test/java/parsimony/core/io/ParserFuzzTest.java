package parsimony.core.io;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import parsimony.core.model.Linear;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.model.TransformerConfig.RopeConfig;
import parsimony.core.tensor.DataType;
import parsimony.core.tensor.Grid;
import parsimony.core.tensor.GridStorage;

/**
 * Whatever bytes a file holds, a parser gives a model or a {@link ModelFormatException}, and nothing else. The normal
 * build runs the seeds in the test resources; with
 * {@code JAZZER_FUZZ=1 ./mvnw -pl core test -Dtest=ParserFuzzTest#gguf -Djazzer.hooks=true} Jazzer looks for new
 * ones. Its instrumentation is off otherwise, for it stays in the virtual machine and slows down the other tests.
 */
class ParserFuzzTest {
    private static final Path NAME = Path.of("fuzzed");

    @TempDir
    static Path shards;

    @FuzzTest(maxDuration = "60s")
    void safeTensors(byte[] bytes) throws IOException {
        try {
            SafeTensors file = SafeTensors.parse(mapped(bytes));
            for (StoredTensor tensor : file.tensors().values()) {
                decode(tensor);
            }
        } catch (ModelFormatException e) {
            requireSentence(e);
        }
    }

    @FuzzTest(maxDuration = "60s")
    void gguf(byte[] bytes) throws IOException {
        try {
            Gguf file = Gguf.parse(mapped(bytes));
            for (String key : file.metadata().keys()) {
                try {
                    file.metadata().get(key);
                } catch (ModelFormatException e) {
                    requireSentence(e);
                }
            }
            for (StoredTensor tensor : file.tensors().values()) {
                decode(tensor);
            }
            run(GgufModel.load(file));
        } catch (ModelFormatException e) {
            requireSentence(e);
        }
    }

    @FuzzTest(maxDuration = "60s")
    void llama2c(byte[] bytes) throws IOException {
        try {
            run(Llama2c.parse(mapped(bytes)));
        } catch (ModelFormatException e) {
            requireSentence(e);
        }
    }

    /** The configuration is fuzzed beside weights that are in order. */
    @FuzzTest(maxDuration = "60s")
    void huggingFaceConfig(byte[] bytes) throws IOException {
        inFolderOfShards("config.json", bytes);
    }

    @FuzzTest(maxDuration = "60s")
    void huggingFaceIndex(byte[] bytes) throws IOException {
        inFolderOfShards("model.safetensors.index.json", bytes);
    }

    /** The description of packed matrices is fuzzed beside such matrices. */
    @FuzzTest(maxDuration = "60s")
    void packedMatrices(byte[] bytes) throws IOException {
        Path folder = shards.resolve("packed");
        if (!Files.exists(folder)) {
            Transformer model = tinyModel();
            model.linears().forEach(linear -> linear.setWeight(zeros(linear)));
            HuggingFaceFolder.saveAsKept(model, folder, folder, null);
        }
        inFolder(folder, "config.json", bytes);
    }

    private static GridStorage zeros(Linear linear) {
        GridStorage.Builder grid =
                new GridStorage.Builder(linear.outputs(), linear.inputs(), 3, 2, false, DataType.F16);
        for (int row = 0; row < linear.outputs(); row++) {
            for (int group = 0; group < grid.groups(); group++) {
                grid.setGrid(row, group, new Grid(3, 0.5f, 0));
            }
        }
        return grid.build();
    }

    private static void inFolderOfShards(String name, byte[] bytes) throws IOException {
        Path folder = shards.resolve(name);
        if (!Files.exists(folder)) {
            HuggingFaceFolder.save(tinyModel(), folder, DataType.F32, 100);
        }
        inFolder(folder, name, bytes);
    }

    private static Transformer tinyModel() {
        RopeConfig rope = new RopeConfig(10_000, false, null);
        return TinyModels.random(new TransformerConfig(4, 4, 4, 1, 2, 1, 2, 8, 1e-5f, rope, true, false, 1, 2), 1);
    }

    private static void inFolder(Path folder, String name, byte[] bytes) throws IOException {
        try {
            Files.write(folder.resolve(name), bytes);
            run(HuggingFaceFolder.load(folder));
        } catch (ModelFormatException e) {
            requireSentence(e);
        }
    }

    private static void decode(StoredTensor tensor) {
        try {
            if (tensor.shape().size() == 1) {
                tensor.vector();
            } else {
                tensor.matrix().decode();
            }
        } catch (ModelFormatException e) {
            requireSentence(e);
        }
    }

    private static void run(Transformer model) {
        TinyModels.logits(model, 0);
    }

    private static void requireSentence(ModelFormatException e) {
        if (!e.getMessage().contains(": ") || e.getMessage().lines().count() != 1) {
            throw new AssertionError("no sentence: " + e.getMessage());
        }
    }

    private static MappedFile mapped(byte[] bytes) {
        return new MappedFile(NAME, MemorySegment.ofArray(bytes));
    }
}
