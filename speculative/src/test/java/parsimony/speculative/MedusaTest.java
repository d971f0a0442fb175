package parsimony.speculative;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;

class MedusaTest extends TechniqueContract<Medusa.Options> {
    @Override
    protected Technique<Medusa.Options> technique() {
        return new Medusa();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("heads=0", "nodes=0", "typical=2", "epsilon=2", "delta=-1", "epochs=0");
    }

    @Test
    void headsAreFoundAgainInTheirFile(@TempDir Path folder) throws IOException {
        Transformer model = TinyModels.random(TinyModels.config(true, true, false), 5);
        TechniqueContext context = TechniqueContext.of(new ScalarBackend())
                .withCalibration(List.of(new SplittableRandom(3).ints(40, 0, 13).toArray()));
        MedusaHeads trained = MedusaHeads.train(model, 2, 1, context);
        Path file = folder.resolve("heads.safetensors");
        trained.write(file);
        MedusaHeads read = MedusaHeads.read(file, model);
        assertThat(read.accuracies()).isDeepEqualTo(trained.accuracies());
        assertThat(read.heads()).hasSize(2);
        for (int i = 0; i < 2; i++) {
            assertThat(read.heads().get(i).residual().array())
                    .containsExactly(trained.heads().get(i).residual().array());
            assertThat(read.heads().get(i).bias().array())
                    .containsExactly(trained.heads().get(i).bias().array());
            assertThat(read.heads().get(i).output().array())
                    .containsExactly(trained.heads().get(i).output().array());
        }
        Transformer other = Bigram.model(Bigram.random(5, 1));
        assertThatThrownBy(() -> MedusaHeads.read(file, other))
                .isInstanceOf(ModelFormatException.class)
                .hasMessageContaining("0.0.linear.weight");
    }
}
