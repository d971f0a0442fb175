package parsimony.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RooflineTest {
    @TempDir
    private Path folder;

    private final Roofline here = new Roofline(Machine.here().processor(), 2, 30, 25, 400);

    @Test
    void theNearerLimitCounts() {
        assertThat(here.share(100, Double.NaN)).isEqualTo(0.25);
        assertThat(here.share(Double.NaN, 15)).isEqualTo(0.5);
        assertThat(here.share(100, 15)).isEqualTo(0.5);
        assertThat(here.share(300, 15)).isEqualTo(0.75);
        assertThat(here.share(Double.NaN, Double.NaN)).isNaN();
    }

    @Test
    void isKeptForThisMachineAndAsManyThreads() throws IOException {
        assertThat(Roofline.read(folder, 2)).isEmpty();
        here.write(folder);
        assertThat(Roofline.read(folder, 2)).contains(here);
        assertThat(Roofline.read(folder, 4)).isEmpty();
        new Roofline("another", 2, 30, 25, 400).write(folder);
        assertThat(Roofline.read(folder, 2)).isEmpty();
        for (String garbage : new String[] {"", "{", "[]", "null", "{\"threads\": 2}"}) {
            Files.writeString(Roofline.file(folder), garbage);
            assertThat(Roofline.read(folder, 2)).as(garbage).isEmpty();
        }
    }

    @Test
    void measuresWhatAMachineCanDo() {
        Roofline measured = Roofline.measure(2);
        assertThat(measured.readGigabytes()).isBetween(0.1, 10_000.0);
        assertThat(measured.copyGigabytes()).isBetween(0.1, 10_000.0);
        assertThat(measured.gigaflops()).isBetween(0.1, 100_000.0);
        assertThat(measured.processor()).isEqualTo(Machine.here().processor());
    }
}
