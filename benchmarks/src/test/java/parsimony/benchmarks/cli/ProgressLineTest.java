package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    @Test
    void shows_a_person_what_is_done() {
        try (ProgressLine progress = new ProgressLine("evaluating", 4, true, out)) {
            progress.update(2, "half");
        }
        assertThat(bytes.toString(StandardCharsets.UTF_8)).contains("evaluating", "50%", "half");
    }

    @Test
    void says_nothing_to_a_file() {
        try (ProgressLine progress = new ProgressLine("evaluating", 4, false, out)) {
            progress.update(2, "half");
            progress.update(3, 5);
        }
        assertThat(bytes.size()).isZero();
    }
}
