package parsimony.core.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import parsimony.core.autograd.Ops;
import parsimony.core.backend.scalar.ScalarBackend;
import parsimony.core.model.TinyModels;
import parsimony.core.model.Transformer;

class SpeedTest {
    private final Ops ops = new Ops(new ScalarBackend());
    private final Transformer model = TinyModels.random(TinyModels.config(true, false, false), 41);

    @Test
    void measuresAModelAndItsBaseline() {
        Speed.Options options = new Speed.Options(6, 3, Duration.ZERO, 4, 0);
        Speed.Comparison comparison = Speed.compare(ops, model, model.copy(), options);
        assertThat(comparison.model().prefill()).isPositive().isFinite();
        assertThat(comparison.baseline().decode()).isPositive().isFinite();
        assertThat(comparison.prefillRatio()).isPositive().isFinite();
        assertThat(comparison.decodeRatio()).isPositive().isFinite();
        assertThat(Speed.measure(ops, model, options).decode()).isPositive().isFinite();
    }

    @Test
    void refusesToMeasureNothing() {
        assertThatThrownBy(() -> new Speed.Options(0, 1, Duration.ZERO, 1, 0))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
