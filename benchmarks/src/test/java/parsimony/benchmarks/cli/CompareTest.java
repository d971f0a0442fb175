package parsimony.benchmarks.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import parsimony.benchmarks.result.Result;
import parsimony.benchmarks.result.Result.Row;
import parsimony.benchmarks.result.ResultFile;
import parsimony.core.io.HuggingFaceFolder;
import parsimony.core.model.Transformer;
import parsimony.core.model.TransformerConfig;
import parsimony.core.tensor.DataType;

class CompareTest {
    private static final TransformerConfig CONFIG = new TransformerConfig(
            4096,
            64,
            96,
            2,
            2,
            2,
            32,
            64,
            1e-5f,
            new TransformerConfig.RopeConfig(10000, false, null),
            true,
            false,
            0,
            1);

    @TempDir
    private static Path folder;

    private static Path model;
    private static Path text;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeAll
    static void makeModel() throws Exception {
        model = Files.createDirectory(folder.resolve("model"));
        HuggingFaceFolder.save(Transformer.random(CONFIG, 5), model, DataType.BF16);
        for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
            try (var in = CompareTest.class.getResourceAsStream("/parsimony/core/models/java-6m/" + file)) {
                Files.copy(in, model.resolve(file));
            }
        }
        text = Files.writeString(folder.resolve("Text.java"), "class Text {\n    int answer = 42;\n}\n".repeat(40));
    }

    private int compare(String... more) {
        String[] fixed = {
            "compare",
            "--quick",
            "--model",
            model.toString(),
            "--text",
            text.toString(),
            "--output",
            folder.resolve("results").toString()
        };
        String[] arguments = new String[fixed.length + more.length];
        System.arraycopy(fixed, 0, arguments, 0, fixed.length);
        System.arraycopy(more, 0, arguments, fixed.length, more.length);
        return Main.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    }

    @Test
    void measuresEachTechniqueAgainstDense() throws Exception {
        assertThat(compare("--apply", "rtn:bits=8,group=32", "--apply", "rtn:bits=2"))
                .as(err.toString())
                .isZero();
        Result result = ResultFile.read(folder.resolve("results/compare.json"));
        assertThat(result.rows()).extracting(Row::name).containsExactly("dense", "rtn:bits=8,group=32", "rtn:bits=2");
        Row dense = result.rows().get(0);
        Row eight = result.rows().get(1);
        Row two = result.rows().get(2);
        assertThat(dense.value("bitsPerWeight")).isEqualTo(32);
        assertThat(dense.value("divergence")).isZero();
        assertThat(dense.value("agreement")).isEqualTo(1);
        // 8 bits, a half-precision scale and an 8-bit zero point for every 32 weights.
        assertThat(eight.value("bitsPerWeight")).isEqualTo(8 + (16 + 8) / 32.0);
        assertThat(eight.value("divergence")).isPositive().isLessThan(two.value("divergence"));
        assertThat(two.value("diskBytes")).isLessThan(eight.value("diskBytes")).isLessThan(dense.value("diskBytes"));
        assertThat(result.texts().getFirst().bytes()).isEqualTo(Files.size(text));
        assertThat(result.rows()).allSatisfy(row -> {
            assertThat(row.value("decodeTokensPerSecond")).isPositive();
            assertThat(row.value("peakBytes")).isPositive();
            assertThat(out.toString()).contains(row.name());
        });
        assertThat(folder.resolve("results/compare.html")).content().contains("rtn:bits=8,group=32");
    }

    @Test
    void goesOnWhereATechniqueCannotBeApplied() throws Exception {
        // 3 does not divide the 64 columns of this model.
        assertThat(compare("--apply", "magnitude:pattern=1:3", "--apply", "rtn:bits=8"))
                .isEqualTo(1);
        assertThat(err.toString()).contains("left out, magnitude:pattern=1:3: ").doesNotContain("\tat ");
        Result result = ResultFile.read(folder.resolve("results/compare.json"));
        assertThat(result.rows()).extracting(Row::name).containsExactly("dense", "rtn:bits=8");
        assertThat(result.missing()).containsExactly("magnitude:pattern=1:3");
        assertThat(folder.resolve("results/compare.html"))
                .content()
                .contains("Asked for and not measured: <code>magnitude:pattern=1:3</code>");
    }

    @Test
    void refusesATechniqueThatDoesNotExistBeforeAnythingRuns() {
        assertThat(compare("--apply", "rtm:bits=4")).isEqualTo(2);
        assertThat(err.toString()).contains("there is no technique 'rtm'").doesNotContain("\tat ");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void refusesAnOddContext() {
        assertThat(compare("--context", "7")).isNotZero();
        assertThat(err.toString()).contains("--context must be an even number");
    }
}
