package parsimony.quantization;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.technique.MatrixTrial;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueContext;
import parsimony.core.technique.TechniqueContract;
import parsimony.core.tensor.DataType;

class QuipTest extends TechniqueContract<Quip.Options> {
    private final TechniqueContext exact =
            TechniqueContext.of(new ScalarBackend()).withScaleType(DataType.F32);

    @Override
    protected Technique<Quip.Options> technique() {
        return new Quip();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("bits=1", "greedyPasses=-1", "blockSize=0", "damping=-1");
    }

    @Override
    protected boolean keepsZeros() {
        return false;
    }

    /** Theorem 6 of the paper. */
    @ParameterizedTest
    @ValueSource(strings = {"bits=2", "bits=3", "bits=4", "bits=3,blockSize=7", "bits=3,damping=0.5"})
    void linearFeedbackOnTheSameGridIsGptq(String options) {
        MatrixTrial ours = Official.run("quip:incoherence=false," + options, Official.inputs(), exact);
        MatrixTrial gptq = Official.run("gptq:" + options, Official.inputs(), exact);
        assertThat(ours.result().decode().array())
                .containsExactly(gptq.result().decode().array());
    }

    @ParameterizedTest
    @ValueSource(strings = {"quip:incoherence=false", "quip", "quip:hadamard=true"})
    void greedyPassesLoseLess(String spec) {
        String passes = (spec.contains(":") ? "," : ":") + "greedyPasses=";
        double before =
                Official.run(spec + passes + 0, Official.inputs(), exact).error();
        double after = Official.run(spec + passes + 5, Official.inputs(), exact).error();
        assertThat(after).isLessThan(before);
    }
}
