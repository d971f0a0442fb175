package parsimony.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import parsimony.core.technique.Technique;
import parsimony.core.tensor.Matrix;

class PerformerTest extends KernelizedContract<Performer.Options> {
    @Override
    protected Technique<Performer.Options> technique() {
        return new Performer();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("features=0");
    }

    @Override
    String spec() {
        return "performer:features=24";
    }

    @Override
    FeatureMap features() {
        return new Performer.PositiveFeatures(Performer.directions(20, KernelizedChecks.SIZE, 3));
    }

    @Test
    void directionsAreOrthogonalInBlocksAndAsLongAsNormalVectors() {
        Matrix w = Performer.directions(24, 8, 7);
        double squares = 0;
        for (int a = 0; a < 24; a++) {
            for (int b = 0; b <= a; b++) {
                double product = 0;
                for (int i = 0; i < 8; i++) {
                    product += (double) w.get(a, i) * w.get(b, i);
                }
                if (a == b) {
                    squares += product;
                } else if (a / 8 == b / 8) {
                    assertThat(product).isCloseTo(0, within(1e-5));
                }
            }
        }
        assertThat(squares / 24).isCloseTo(8, within(2.0));
    }

    /** Eight times the features divide the error against exact attention by about √8: the estimate has no bias that would stay. */
    @Test
    void theErrorFallsWithTheRootOfTheFeatures() {
        double few = KernelizedChecks.performerError(8);
        double some = KernelizedChecks.performerError(64);
        double many = KernelizedChecks.performerError(512);
        assertThat(some / few).isBetween(0.25, 0.5);
        assertThat(many / some).isBetween(0.25, 0.5);
        assertThat(many).isLessThan(0.02);
    }

    /** Long vectors, whose features are far beyond the range of floats. */
    @Test
    void largeScoresDoNotOverflow() {
        assertThat(KernelizedChecks.performerOutput(64, 30).data()).doesNotContain(Float.NaN);
    }
}
