package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class StandardOutputTest {
    private static List<Integer> exitCodes(String failure) {
        List<Integer> codes = new ArrayList<>();
        OutputStream failing = new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                throw new IOException(failure);
            }
        };
        PrintWriter writer = new PrintWriter(new StandardOutput(failing, codes::add), true);
        writer.println();
        return codes;
    }

    @Test
    void aReaderThatHasEnoughEndsTheProcessAsASignalWould() {
        assertThat(exitCodes("Broken pipe")).containsExactly(141);
    }

    @Test
    void anyOtherTroubleIsAFailure() {
        assertThat(exitCodes("No space left on device")).containsExactly(1);
    }
}
