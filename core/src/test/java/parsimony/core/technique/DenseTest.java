package parsimony.core.technique;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.tensor.Tensor;
import parsimony.core.tensor.TensorStorage;
import parsimony.core.tensor.WeightStorage;

class DenseTest extends TechniqueContract<Dense.Options> {
    @Override
    protected Technique<Dense.Options> technique() {
        return new Dense();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("type=none", "type=f8");
    }

    @ParameterizedTest
    @CsvSource({"f32, 32, 1.2345679", "bf16, 16, 1.234375", "f16, 16, 1.234375"})
    void roundsToTheFormat(String type, double bitsPerWeight, float expected) {
        WeightStorage result = cast(type, 1.2345679f);
        assertThat(result.bitsPerWeight()).isEqualTo(bitsPerWeight);
        assertThat(result.decode().array()).containsExactly(expected);
    }

    @Test
    void refusesAWeightThatWouldBecomeInfinite() {
        assertThatThrownBy(() -> cast("f16", 1e5f))
                .isInstanceOf(TechniqueException.class)
                .hasMessage("weight holds the weight 100000.0, too large for F16; use bf16");
    }

    private static WeightStorage cast(String type, float weight) {
        return TechniqueSpec.parse("dense:type=" + type)
                .compress(
                        "weight",
                        new TensorStorage(Tensor.of(new float[] {weight}, 1, 1)),
                        null,
                        TechniqueContext.of(new ScalarBackend()));
    }
}
