package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.backend.opencl.OpenClDevice;

/** The embedded models write the same tokens on an OpenCL device as on the processor. */
class OpenClGenerateTest {
    private static final Object[] PROMPT = {"generate", "--max-tokens", 40, "--prompt", "public int size() {"};

    @BeforeAll
    static void needsADevice() {
        OpenClDevice.open().close();
    }

    /** The text that one backend writes, which must be the other's. */
    private static String written(Object... options) {
        String expected = run("vector", options);
        assertThat(run("opencl", options)).isEqualTo(expected);
        return expected;
    }

    private static String run(String backend, Object... options) {
        Object[] all = new Object[PROMPT.length + options.length + 2];
        System.arraycopy(PROMPT, 0, all, 0, PROMPT.length);
        System.arraycopy(options, 0, all, PROMPT.length, options.length);
        all[all.length - 2] = "--backend";
        all[all.length - 1] = backend;
        return Cli.run(all).succeeds().out();
    }

    @Test
    void writes_the_same_with_dense_weights() {
        assertThat(written()).hasSizeGreaterThan(100);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "speculative:tokens=3",
                "lookahead",
                "rtn:bits=4,group=32+prompt-lookup",
                "rtn:bits=4,group=32,symmetric=true+speculative:tokens=3",
                "h2o:heavy=12,recent=12+prompt-lookup",
                "rtn:bits=4,group=32+h2o:heavy=12,recent=12+speculative:tokens=3",
                "quantized:bits=4+prompt-lookup",
                "streaming-llm:recent=20+prompt-lookup"
            })
    void writes_the_same_with_techniques(String strategy) {
        written("--strategy", strategy);
    }

    /** Quantized once, on the processor: a backend's own last bits in what calibration sums up would decide between two codes here and there. */
    @Test
    void writes_the_same_with_weights_from_gptq(@TempDir Path folder) {
        Path model = folder.resolve("model");
        Cli.run(
                        "compress",
                        "--apply",
                        "gptq:bits=4,group=32",
                        "--calibration-sequences",
                        8,
                        "--calibration-tokens",
                        256,
                        "--output",
                        model)
                .succeeds();
        written("--model", model);
        written("--model", model, "--strategy", "h2o:heavy=12,recent=12+speculative:tokens=3");
    }

    @Test
    void doctor_shows_the_device_and_what_a_launch_costs() {
        assertThat(Cli.run("doctor", "--backend", "opencl").succeeds().out())
                .contains("opencl     works (error", "compute units", "launches: an empty kernel takes");
    }
}
