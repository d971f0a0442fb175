package parsimony.core.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.core.ModelFormatException;

class LossCurveTest {
    @TempDir
    private Path folder;

    private static LossCurve curve(int steps) {
        LossCurve curve = new LossCurve();
        for (int step = 1; step <= steps; step++) {
            curve.add(new Trainer.Report(step, 8.0 / step, 0.001 * step, 0.5));
        }
        return curve;
    }

    @Test
    void isReadUpToTheCheckpoint() throws IOException {
        Path file = folder.resolve("loss.csv");
        curve(7).write(file);
        LossCurve read = LossCurve.read(file, 5);
        assertThat(read.reports()).hasSize(5);
        assertThat(read.reports().getLast().loss()).isCloseTo(8.0 / 5, within(1e-6));
        assertThat(read.smoothed().getLast()).isCloseTo(curve(5).smoothed().getLast(), within(1e-6));
    }

    @Test
    void theFirstStepDoesNotWeighMoreThanOthers() {
        assertThat(curve(1).smoothed()).containsExactly(8.0);
        assertThat(curve(2).smoothed().getLast()).isCloseTo((0.95 * 8 + 4) / 1.95, within(1e-12));
    }

    @Test
    void saysWhichRowIsDamaged() throws IOException {
        Path file =
                Files.writeString(folder.resolve("loss.csv"), "step,loss,learningRate,gradientNorm\n1,2,3,4\n2,x\n");
        assertThatThrownBy(() -> LossCurve.read(file, 5))
                .isInstanceOf(ModelFormatException.class)
                .hasMessage(file + ": line 3 is no row of a loss curve; remove the file to go on without it");
    }
}
