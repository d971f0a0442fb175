package parsimony.speculative;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.io.HuggingFaceFolder;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.technique.TechniqueSpec;
import parsimony.core.tensor.DataType;

/** What a technique must do that asks for a draft model, with one that has the tiny model's vocabulary. */
abstract class DraftedContract<O extends Record> extends TechniqueContract<O> {
    @TempDir
    Path folder;

    @BeforeEach
    void writeDraft() throws IOException {
        TransformerConfig config = new TransformerConfig(
                50,
                8,
                12,
                1,
                2,
                1,
                4,
                64,
                1e-5f,
                new TransformerConfig.RopeConfig(10000, false, null),
                true,
                false,
                1,
                2);
        HuggingFaceFolder.save(Transformer.random(config, 3), folder.resolve("draft"), DataType.BF16);
    }

    /** Options with {@code %s} for the draft. */
    abstract List<String> small();

    @Override
    protected List<TechniqueSpec> showcase() {
        return small().stream()
                .map(spec -> TechniqueSpec.parse(spec.formatted(folder.resolve("draft"))))
                .toList();
    }
}
