package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.Transformer;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContract;

class MqaTest extends TechniqueContract<Mqa.Options> {
    @Override
    protected Technique<Mqa.Options> technique() {
        return new Mqa();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of();
    }

    /** Heads are averaged, whatever else was zero in them. */
    @Override
    protected boolean keepsZeros() {
        return false;
    }

    @Test
    void oneHeadIsLeft() {
        Transformer model = WholeModel.random(WholeModel.CONFIG);
        Transformer shared = WholeModel.with(model, "mqa");
        assertThat(shared.config().keyValueHeads()).isEqualTo(1);
        WholeModel whole = new WholeModel(new ScalarBackend());
        whole.assertSame(shared, WholeModel.with(shared, "naive"), 50);
        assertThat(shared.newSequence().bytes()).isEqualTo(model.newSequence().bytes() / 2);
    }
}
