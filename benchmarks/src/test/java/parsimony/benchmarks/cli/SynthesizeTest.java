package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SynthesizeTest {
    @TempDir
    private Path folder;

    @Test
    void the_same_seed_gives_the_same_file() throws IOException {
        Path one = folder.resolve("one.gguf");
        Path two = folder.resolve("two.gguf");
        assertThat(Cli.run("synthesize", "--shape", "tiny", "--type", "q8_0", "--seed", 3, "--output", one)
                        .succeeds()
                        .out())
                .contains("parameters", "bytes");
        Cli.run("synthesize", "--shape", "tiny", "--type", "Q8_0", "--seed", 3, "--output", two)
                .succeeds();
        assertThat(one).hasSameBinaryContentAs(two);
        Cli.run("synthesize", "--shape", "tiny", "--type", "q8_0", "--seed", 4, "--output", two)
                .succeeds();
        assertThat(Files.mismatch(one, two)).isNotNegative();
        Cli.run("generate", "--model", one, "--prompt", "abc", "--max-tokens", 3)
                .succeeds();
    }

    @Test
    void refuses_what_there_is_not() {
        Path output = folder.resolve("x.gguf");
        Cli.run("synthesize", "--shape", "huge", "--output", output)
                .isWronglyCalled("there is no shape \"huge\"; shapes: tiny, llama-3.2-1b");
        Cli.run("synthesize", "--shape", "tiny", "--type", "q4_k", "--output", output)
                .isWronglyCalled("can be read, not written", "q4_0");
        Cli.run("synthesize", "--shape", "tiny", "--type", "int4", "--output", output)
                .isWronglyCalled("--type");
        Cli.run("synthesize", "--shape", "tiny", "--output", folder).isWronglyCalled("is a folder");
        assertThat(output).doesNotExist();
    }
}
